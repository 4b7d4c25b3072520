//! Runs the ranking rules one inside the other, cutting buckets finer until the page is full
//! (search.md section 7, 11.2, 11.3 and 11.6).

use std::rc::Rc;
use std::time::Instant;

use roaring::RoaringBitmap;

use super::rule::{Bucket, RankingRule};
use super::score::{ScoreDetail, global_score};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::QueryGraph;
use crate::search::distinct::Distinct;

/// Which of the sorted documents are wanted.
pub(crate) struct Page<'t> {
    /// Documents to leave out.
    pub(crate) offset: usize,
    /// Most documents to return.
    pub(crate) limit: usize,
    /// Documents after which sorting stops; above `limit` it goes on to count.
    pub(crate) target: usize,
    /// Documents with a smaller global score are dropped.
    pub(crate) threshold: Option<f64>,
    /// Whether scores are wanted; without them, single documents are not ranked further.
    pub(crate) scored: bool,
    /// When to stop ranking.
    pub(crate) deadline: Option<Instant>,
    /// The attribute whose values may occur once.
    pub(crate) distinct: Option<Distinct<'t>>,
}

/// What a bucket sort gives.
#[derive(Default)]
pub(crate) struct Sorted {
    /// The page, the best document first.
    pub(crate) docids: Vec<u32>,
    /// What the rules said of each document of the page.
    pub(crate) scores: Vec<Vec<ScoreDetail>>,
    /// Documents that count as found.
    pub(crate) candidates: RoaringBitmap,
    /// Whether the deadline passed before all was ranked.
    pub(crate) degraded: bool,
}

/// Sorts a universe.
///
/// # Errors
/// The index cannot be read.
pub(crate) fn bucket_sort<'t>(
    ctx: &mut SearchContext<'t>,
    rules: Vec<Box<dyn RankingRule<'t> + 't>>,
    query: Rc<QueryGraph>,
    universe: RoaringBitmap,
    page: Page<'t>,
) -> Result<Sorted> {
    let sorted = Sorted { candidates: universe.clone(), ..Sorted::default() };
    if universe.len() < page.offset as u64 {
        return Ok(sorted);
    }
    if rules.is_empty() {
        return unsorted(universe, &page);
    }
    if page.target == 0 {
        return Ok(sorted);
    }
    let mut universes = vec![RoaringBitmap::new(); rules.len()];
    universes[0] = universe;
    let sort = BucketSort { page, universes, depth: 0, details: Vec::new(), emitted: 0, sorted };
    sort.run(ctx, rules, query)
}

/// Without rules the order is that of the docids.
fn unsorted(universe: RoaringBitmap, page: &Page<'_>) -> Result<Sorted> {
    let wanted = page.offset.saturating_add(page.limit);
    let (kept, candidates) = match &page.distinct {
        None => (universe.iter().take(wanted).collect::<RoaringBitmap>(), universe),
        Some(distinct) => {
            let mut excluded = RoaringBitmap::new();
            let mut kept = RoaringBitmap::new();
            for docid in &universe {
                if kept.len() >= wanted as u64 {
                    break;
                }
                if !excluded.contains(docid) {
                    distinct.exclude_like(docid, &mut excluded)?;
                    kept.insert(docid);
                }
            }
            let candidates = (universe - excluded) | &kept;
            (kept, candidates)
        }
    };
    let docids: Vec<u32> = kept.iter().skip(page.offset).collect();
    let scores = vec![Vec::new(); docids.len()];
    Ok(Sorted { docids, scores, candidates, degraded: false })
}

struct BucketSort<'t> {
    page: Page<'t>,
    /// What each started rule still has to sort.
    universes: Vec<RoaringBitmap>,
    /// The rule that is asked next.
    depth: usize,
    /// What the rules before `depth` say of its universe.
    details: Vec<ScoreDetail>,
    /// Documents emitted, those before the page included.
    emitted: usize,
    sorted: Sorted,
}

impl<'t> BucketSort<'t> {
    fn run(
        mut self,
        ctx: &mut SearchContext<'t>,
        mut rules: Vec<Box<dyn RankingRule<'t> + 't>>,
        query: Rc<QueryGraph>,
    ) -> Result<Sorted> {
        rules[0].start(ctx, &self.universes[0], &query)?;
        while self.sorted.docids.len() < self.page.target {
            let Some(bucket) = self.next_bucket(ctx, &mut rules)? else {
                self.details.pop();
                let Some(depth) = self.depth.checked_sub(1) else { break };
                self.depth = depth;
                continue;
            };
            self.universes[self.depth] -= &bucket.docids;
            self.details.push(bucket.score);
            let len = bucket.docids.len() as usize;
            let is_below = self.is_below_threshold();
            let is_fine_enough = self.depth + 1 == rules.len()
                || self.emitted + len < self.page.offset
                || len == 0
                || !self.page.scored && len == 1;
            if is_below || is_fine_enough {
                if is_below {
                    self.sorted.candidates -= &bucket.docids;
                    self.sorted.candidates -= &self.universes[self.depth];
                } else {
                    self.emit(bucket.docids)?;
                }
                self.details.pop();
            } else {
                self.depth += 1;
                rules[self.depth].start(ctx, &bucket.docids, &bucket.query)?;
                self.universes[self.depth] = bucket.docids;
            }
        }
        Ok(self.sorted)
    }

    /// The next bucket of the current level, or `None` to leave the level.
    fn next_bucket(
        &mut self,
        ctx: &mut SearchContext<'t>,
        rules: &mut [Box<dyn RankingRule<'t> + 't>],
    ) -> Result<Option<Bucket>> {
        let universe = &mut self.universes[self.depth];
        if universe.is_empty() {
            return Ok(None);
        }
        if !self.page.scored && universe.len() == 1 {
            let last = std::mem::take(universe);
            self.emit(last)?;
            return Ok(None);
        }
        if self.page.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            if let Some(bucket) = rules[self.depth].next_bucket_at_hand(universe) {
                return Ok(Some(bucket));
            }
            self.sorted.degraded = true;
            self.skip_level()?;
            return Ok(None);
        }
        rules[self.depth].next_bucket(ctx, universe)
    }

    fn is_below_threshold(&self) -> bool {
        self.page.threshold.is_some_and(|threshold| global_score(&self.details) < threshold)
    }

    /// Takes what is left of a level as one bucket that this rule has not seen.
    fn skip_level(&mut self) -> Result<()> {
        let rest = std::mem::take(&mut self.universes[self.depth]);
        self.details.push(ScoreDetail::Skipped);
        if self.is_below_threshold() {
            self.sorted.candidates -= rest;
        } else {
            self.emit(rest)?;
        }
        self.details.pop();
        Ok(())
    }

    /// Adds the documents of a bucket to the page, in the order of their docids.
    fn emit(&mut self, bucket: RoaringBitmap) -> Result<()> {
        let bucket = match &self.page.distinct {
            None => bucket,
            Some(distinct) => {
                let mut excluded = RoaringBitmap::new();
                let kept = distinct.keep(&bucket, &mut excluded)?;
                for universe in &mut self.universes {
                    *universe -= &excluded;
                }
                self.sorted.candidates -= excluded;
                kept
            }
        };
        self.sorted.candidates |= &bucket;
        let before_page = self.page.offset.saturating_sub(self.emitted);
        let room = self.page.limit.saturating_sub(self.sorted.docids.len());
        self.emitted += bucket.len() as usize;
        for docid in bucket.iter().skip(before_page).take(room) {
            self.sorted.docids.push(docid);
            self.sorted.scores.push(self.details.clone());
        }
        Ok(())
    }
}
