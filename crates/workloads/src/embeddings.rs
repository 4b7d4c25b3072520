//! Seeded vectors that resemble those of a model of texts, and the exact scan that searches are judged by.
//!
//! What real embeddings have in common, and independent random numbers have not:
//!
//! - they lie in a narrow cone: every vector has a share of one common direction;
//! - they have topics of very different sizes: 200 centres, whose sizes fall like 1 / rank;
//! - within a topic they vary along few directions: 48 latent ones, the n-th with a weight of 1 / √n, and a
//!   little noise on every axis.
//!
//! Vectors are brought to length 1. Queries are drawn like documents, and are none of them.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Topics.
const TOPICS: usize = 200;
/// Directions along which the vectors of a topic vary.
const LATENT: usize = 48;
/// Weights beside that of the latent directions, which is 1.
const COMMON_WEIGHT: f32 = 0.8;
const TOPIC_WEIGHT: f32 = 1.0;
const NOISE_WEIGHT: f32 = 0.15;

/// What vectors are drawn from.
pub(crate) struct Embeddings {
    rng: StdRng,
    common: Vec<f32>,
    topics: Vec<Vec<f32>>,
    latent: Vec<Vec<f32>>,
}

impl Embeddings {
    pub(crate) fn new(seed: u64, dimensions: usize) -> Embeddings {
        let mut rng = StdRng::seed_from_u64(seed);
        let common = direction(&mut rng, dimensions);
        let topics = (0..TOPICS).map(|_| direction(&mut rng, dimensions)).collect();
        let latent: Vec<Vec<f32>> = (0..LATENT).map(|_| direction(&mut rng, dimensions)).collect();
        Embeddings { rng, common, topics, latent }
    }

    /// So many further vectors.
    pub(crate) fn draw(&mut self, count: usize) -> Vec<Vec<f32>> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Vec<f32> {
        // Sizes of topics fall like 1 / rank when the logarithm of the rank is even.
        let rank = (TOPICS as f32).powf(self.rng.random::<f32>()) as usize - 1;
        let topic = &self.topics[rank.min(TOPICS - 1)];
        let noise = NOISE_WEIGHT / (topic.len() as f32).sqrt();
        let mut vector: Vec<f32> = self
            .common
            .iter()
            .zip(topic)
            .map(|(common, topic)| {
                common * COMMON_WEIGHT + topic * TOPIC_WEIGHT + normal(&mut self.rng) * noise
            })
            .collect();
        let total: f32 = (1..=LATENT).map(|n| 1.0 / n as f32).sum();
        for (n, direction) in self.latent.iter().enumerate() {
            let weight = normal(&mut self.rng) / ((n + 1) as f32 * total).sqrt();
            vector.iter_mut().zip(direction).for_each(|(x, d)| *x += d * weight);
        }
        normalize(&mut vector);
        vector
    }
}

/// How near two vectors are to each other; greater is nearer.
pub(crate) trait Nearness: Sync {
    fn nearness(&self, document: usize, query: usize) -> f32;
}

/// The cosine of vectors of length 1.
pub(crate) struct Cosine<'v> {
    pub(crate) documents: &'v [Vec<f32>],
    pub(crate) queries: &'v [Vec<f32>],
}

impl Nearness for Cosine<'_> {
    fn nearness(&self, document: usize, query: usize) -> f32 {
        dot(&self.documents[document], &self.queries[query])
    }
}

/// The number of equal signs.
pub(crate) struct Signs {
    documents: Vec<Vec<u64>>,
    queries: Vec<Vec<u64>>,
}

impl Signs {
    pub(crate) fn of(vectors: &Cosine<'_>) -> Signs {
        let all = |vectors: &[Vec<f32>]| vectors.iter().map(|vector| signs(vector)).collect();
        Signs { documents: all(vectors.documents), queries: all(vectors.queries) }
    }
}

impl Nearness for Signs {
    fn nearness(&self, document: usize, query: usize) -> f32 {
        let pairs = self.documents[document].iter().zip(&self.queries[query]);
        -(pairs.map(|(a, b)| (a ^ b).count_ones()).sum::<u32>() as f32)
    }
}

/// What an exact scan knows of a query.
pub(crate) struct Exact {
    /// The best documents, the nearest first.
    pub(crate) best: Vec<usize>,
    /// The nearness of the last of them.
    pub(crate) least: f32,
}

impl Exact {
    /// Compares a query with every document that `is_candidate`, on all cores.
    pub(crate) fn scan(
        by: &dyn Nearness,
        documents: usize,
        queries: usize,
        count: usize,
        is_candidate: &(dyn Fn(usize) -> bool + Sync),
    ) -> Vec<Exact> {
        let one = |query: usize| {
            let candidates = (0..documents).filter(|document| is_candidate(*document));
            let mut scored: Vec<(f32, usize)> =
                candidates.map(|document| (by.nearness(document, query), document)).collect();
            scored.sort_unstable_by(|(a, x), (b, y)| b.total_cmp(a).then(x.cmp(y)));
            scored.truncate(count);
            let least = scored.last().map_or(f32::NEG_INFINITY, |(nearness, _)| *nearness);
            Exact { best: scored.into_iter().map(|(_, document)| document).collect(), least }
        };
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let all: Vec<usize> = (0..queries).collect();
        std::thread::scope(|scope| {
            let parts = all.chunks(queries.div_ceil(threads).max(1));
            let parts: Vec<_> = parts
                .map(|part| scope.spawn(|| part.iter().copied().map(&one).collect::<Vec<_>>()))
                .collect();
            parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
        })
    }

    /// The share of the best documents that a search found. One that is as near as the last of them, but for
    /// rounding, counts like it: which of equals come first is open.
    pub(crate) fn recall(&self, by: &dyn Nearness, query: usize, found: &[usize]) -> f64 {
        const ROUNDING: f32 = 1e-6;
        let is_good = |document: &&usize| by.nearness(**document, query) >= self.least - ROUNDING;
        let good = found.iter().filter(is_good).count().min(self.best.len());
        if self.best.is_empty() { 1.0 } else { good as f64 / self.best.len() as f64 }
    }
}

fn direction(rng: &mut StdRng, dimensions: usize) -> Vec<f32> {
    let mut direction: Vec<f32> = (0..dimensions).map(|_| normal(rng)).collect();
    normalize(&mut direction);
    direction
}

/// A number of the normal distribution (Box and Muller).
fn normal(rng: &mut StdRng) -> f32 {
    let (radius, angle): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
}

fn normalize(vector: &mut [f32]) {
    let norm = dot(vector, vector).sqrt().max(f32::MIN_POSITIVE);
    vector.iter_mut().for_each(|x| *x /= norm);
}

/// Sums in eight lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, b_chunks) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a_chunks.0.iter().zip(b_chunks.0) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest: f32 = a_chunks.1.iter().zip(b_chunks.1).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

fn signs(vector: &[f32]) -> Vec<u64> {
    let word = |bits: &[f32]| bits.iter().fold(0, |word, x| word << 1 | u64::from(*x > 0.0));
    vector.chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_vectors_of_length_1() {
        let draw = || Embeddings::new(7, 20).draw(50);
        assert_eq!(draw(), draw());
        assert_ne!(draw(), Embeddings::new(8, 20).draw(50));
        for vector in draw() {
            assert!((dot(&vector, &vector) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn the_exact_scan_finds_the_nearest_candidates() {
        let documents = [vec![1.0, 0.0], vec![0.6, 0.8], vec![0.0, 1.0], vec![-1.0, 0.0]];
        let queries = [vec![0.8, 0.6]];
        let cosine = Cosine { documents: &documents, queries: &queries };
        let exact = &Exact::scan(&cosine, 4, 1, 2, &|_| true)[0];
        assert_eq!(exact.best, [1, 0]);
        assert_eq!(exact.recall(&cosine, 0, &[0, 1]), 1.0);
        assert_eq!(exact.recall(&cosine, 0, &[1, 2]), 0.5);
        assert_eq!(Exact::scan(&cosine, 4, 1, 2, &|document| document > 1)[0].best, [2, 3]);
        let signs = Signs::of(&cosine);
        let exact = &Exact::scan(&signs, 4, 1, 1, &|_| true)[0];
        assert_eq!(exact.best, [1]);
        assert_eq!(exact.recall(&signs, 0, &[3]), 0.0);
    }
}
