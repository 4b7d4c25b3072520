//! Names of what a batch does, as users see them in its progress (tasks.md 16).

use meilisearch_types::progress_steps;

progress_steps! {
    /// Steps of an import of documents; the caller starts the ones before "indexing".
    pub enum DocumentImportStep {
        RetrievingConfig => "retrieving config",
        ComputingDocumentChanges => "computing document changes",
        ReadingPayloadStats => "reading payload stats",
        Indexing => "indexing",
    }
}

progress_steps! {
    /// Steps of a deletion of documents; the caller starts the ones before "indexing".
    pub enum DocumentDeletionStep {
        RetrievingConfig => "retrieving config",
        DeleteDocuments => "delete documents",
        Indexing => "indexing",
    }
}

progress_steps! {
    /// Steps of indexing documents, and of applying settings.
    pub(super) enum IndexingStep {
        PreparingPayloads => "preparing payloads",
        AssigningDocumentsIds => "assigning documents ids",
        ReorderingPayloadOffsets => "reordering payload offsets",
        ExtractingDocuments => "extracting documents",
        ExtractingFacets => "extracting facets",
        ExtractingWords => "extracting words",
        ExtractingWordProximity => "extracting word proximity",
        ExtractingEmbeddings => "extracting embeddings",
        MergingFacetCaches => "merging facet caches",
        MergingWordCaches => "merging word caches",
        MergingWordProximity => "merging word proximity",
        WritingGeoPoints => "writing geo points",
        WritingGeoJson => "writing geo json",
        WritingEmbeddingsToDatabase => "writing embeddings to database",
        DeletingFromAllFilters => "deleting from all filters",
        DeletingFromFacetsOnly => "deleting from facets only",
        DeletingFromComparisonsOnly => "deleting from comparisons only",
        DeletingFromGeoDatabases => "deleting from geo databases",
        WaitingForDatabaseWrites => "waiting for database writes",
        WaitingForExtractors => "waiting for extractors",
        PostProcessingFacets => "post processing facets",
        PostProcessingWords => "post processing words",
        BuildingGeoJson => "building geo json",
        Finalizing => "finalizing",
    }
}

progress_steps! {
    /// Steps of "post processing facets".
    pub(super) enum FacetsStep {
        StringsBulk => "strings bulk",
        StringsIncremental => "strings incremental",
        NumbersBulk => "numbers bulk",
        NumbersIncremental => "numbers incremental",
        FacetSearch => "facet search",
    }
}

progress_steps! {
    /// Steps of "post processing words".
    pub(super) enum WordsStep {
        WordFst => "word fst",
        ComputePrefixFst => "compute prefix fst",
        ComputePrefixes => "compute prefixes",
        WordPrefixDocids => "word prefix docids",
        ExactWordPrefixDocids => "exact word prefix docids",
        WordPrefixFieldIdDocids => "word prefix field id docids",
        WordPrefixPositionDocids => "word prefix position docids",
    }
}
