//! Random directed acyclic graphs of bounded degree, drawn vertex by vertex, and random orders of what a vertex needs.

use crate::rng::TaskRng;

/// A graph whose vertices are numbered in an order in which every parent comes before its children; memory is reused.
#[derive(Clone, Debug, Default)]
pub struct Dag {
    /// Parents of all vertices, one vertex after another.
    parents: Vec<u16>,
    /// Where the parents of each vertex begin, and where those of the last one end.
    starts: Vec<u32>,
    /// Number of children of each vertex.
    children: Vec<u16>,
    /// Vertices that may still get a child, in any order.
    open: Vec<u16>,
    /// Children still to be ordered, of each vertex that is wanted.
    pending: Vec<u32>,
    ready: Vec<u16>,
}

impl Dag {
    /// Draw a graph of `n` vertices, the first `leaves` of them (at least one) without parents. Each later vertex gets
    /// c parents, c uniform from one to `bound` or to as many as there are earlier vertices with fewer than `bound`
    /// children; the parents are a uniform choice among these.
    #[inline]
    pub fn draw(&mut self, rng: &mut TaskRng, n: usize, leaves: usize, bound: u32) {
        self.parents.clear();
        self.starts.clear();
        self.starts.resize(leaves + 1, 0);
        self.children.clear();
        self.children.resize(n, 0);
        self.open.clear();
        self.open.extend(0..leaves as u16);
        for vertex in leaves..n {
            // The vertex before this one has no child yet, so there is always a candidate.
            let candidates = self.open.len();
            let most = bound.min(candidates as u32);
            let size = |taken: usize| candidates.saturating_sub(taken).max(1) as u32;
            let [extra, places @ ..] = rng.below_each([most, size(0), size(1), size(2), size(3)]);
            let count = 1 + extra as usize;
            for taken in 0..count {
                let place = places.get(taken).copied().unwrap_or_else(|| rng.below(size(taken)));
                let last = candidates - 1 - taken;
                self.open.swap(place as usize, last);
                let parent = self.open[last];
                self.parents.push(parent);
                self.children[usize::from(parent)] += 1;
            }
            // Keep those of the chosen that may have another child.
            let first = candidates - count;
            let mut kept = first;
            for at in first..candidates {
                let parent = self.open[at];
                self.open[kept] = parent;
                kept += usize::from(u32::from(self.children[usize::from(parent)]) < bound);
            }
            self.open.truncate(kept);
            self.open.push(vertex as u16);
            self.starts.push(self.parents.len() as u32);
        }
    }

    /// Number of vertices.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Is it without vertices?
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Number of edges.
    pub fn edge_count(&self) -> usize {
        self.parents.len()
    }

    /// Parents of a vertex.
    #[inline]
    pub fn parents(&self, vertex: usize) -> &[u16] {
        &self.parents[self.starts[vertex] as usize..self.starts[vertex + 1] as usize]
    }

    /// Has it an edge?
    pub fn has_edge(&self, vertex: usize) -> bool {
        self.children[vertex] > 0 || !self.parents(vertex).is_empty()
    }

    /// Put a vertex and all its ancestors into a random order that ends with it and has every parent before its
    /// children: from the end, one of the vertices whose children all have their place already is chosen uniformly.
    #[inline]
    pub fn draw_order(&mut self, rng: &mut TaskRng, vertex: usize, order: &mut Vec<u16>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.clear();
        pending.resize(vertex + 1, 0);
        pending[vertex] = 1;
        for child in (0..=vertex).rev() {
            if pending[child] > 0 {
                for &parent in self.parents(child) {
                    pending[usize::from(parent)] += 1;
                }
            }
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.clear();
        ready.push(vertex as u16);
        order.clear();
        while !ready.is_empty() {
            let next = ready.swap_remove(rng.below(ready.len() as u32) as usize);
            order.push(next);
            for &parent in self.parents(usize::from(next)) {
                let left = &mut pending[usize::from(parent)];
                *left -= 1;
                if *left == 0 {
                    ready.push(parent);
                }
            }
        }
        order.reverse();
        (self.pending, self.ready) = (pending, ready);
    }

    /// Fewest edges from a vertex to one without parents.
    pub fn depth(&self, vertex: usize) -> u32 {
        // A parent has a smaller number, so one pass upwards settles every depth.
        let mut depths: Vec<u32> = Vec::with_capacity(vertex + 1);
        for child in 0..=vertex {
            let nearest = self.parents(child).iter().map(|&parent| depths[usize::from(parent)] + 1).min();
            depths.push(nearest.unwrap_or(0));
        }
        depths[vertex]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::rng::StreamKey;

    #[test]
    fn degrees_keep_the_bound_and_parents_are_distinct() {
        let mut rng = StreamKey::new("t", "", 1, 0).rng(0.into(), 0);
        let mut dag = Dag::default();
        for (n, leaves, bound) in [(3, 1, 1), (40, 1, 1), (40, 10, 4), (200, 3, 8), (5, 5, 4)] {
            for _ in 0..50 {
                dag.draw(&mut rng, n, leaves, bound);
                assert_eq!(dag.len(), n);
                let mut children = vec![0; n];
                for vertex in 0..n {
                    let parents: BTreeSet<u16> = dag.parents(vertex).iter().copied().collect();
                    assert_eq!(parents.len(), dag.parents(vertex).len());
                    assert_eq!(parents.is_empty(), vertex < leaves);
                    assert!(parents.len() <= bound as usize);
                    for parent in parents {
                        assert!(usize::from(parent) < vertex);
                        children[usize::from(parent)] += 1;
                    }
                }
                assert!(children.iter().all(|&count| count <= bound), "{children:?}");
            }
        }
    }

    #[test]
    fn a_small_graph_follows_the_law() {
        // Four vertices, one leaf, bound 2. Vertex 2 has candidates {0, 1}: {0}, {1} at 1/4 each, both at 1/2. If
        // it took both, 0 has two children, and vertex 3 has candidates {1, 2}, otherwise {0, 1, 2}.
        let mut rng = StreamKey::new("t", "", 2, 0).rng(0.into(), 0);
        let mut dag = Dag::default();
        let mut counts = BTreeMap::new();
        for _ in 0..48_000 {
            dag.draw(&mut rng, 4, 1, 2);
            let set = |vertex| dag.parents(vertex).iter().fold(0u32, |set, parent| set | 1 << parent);
            *counts.entry([set(2), set(3)]).or_insert(0u32) += 1;
        }
        let mut expected = BTreeMap::new();
        // {0} saturates vertex 0 as well: its children are 1 and 2.
        for (two, share) in [(0b01, 12_000), (0b10, 12_000), (0b11, 24_000)] {
            let open: &[u32] = if two == 0b10 { &[0b001, 0b010, 0b100] } else { &[0b010, 0b100] };
            let pairs: BTreeSet<u32> = open.iter().flat_map(|a| open.iter().map(move |b| a | b)).collect();
            for &set in &pairs {
                let of_size = pairs.iter().filter(|other| other.count_ones() == set.count_ones()).count() as u32;
                expected.insert([two, set], share / 2 / of_size);
            }
        }
        assert_eq!(counts.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (key, count) in counts {
            let wanted = f64::from(expected[&key]);
            assert!((f64::from(count) - wanted).abs() < 5.0 * wanted.sqrt(), "{key:?}: {count}, not {wanted}");
        }
    }

    #[test]
    fn orders_are_built_from_the_end() {
        // 0 -> 2 -> 4, 1 -> 3 -> 4: from the end, 2 or 3 at even odds, then (after 3, say) one of 1 and 2, and so on.
        let mut rng = StreamKey::new("t", "", 3, 0).rng(0.into(), 0);
        let mut dag = Dag {
            parents: vec![0, 1, 2, 3],
            starts: vec![0, 0, 0, 1, 2, 4],
            children: vec![1, 1, 1, 1, 0],
            ..Dag::default()
        };
        let mut counts = BTreeMap::new();
        let mut order = Vec::new();
        for _ in 0..32_000 {
            dag.draw_order(&mut rng, 4, &mut order);
            *counts.entry(order.clone()).or_insert(0u32) += 1;
        }
        let share = |order: [u16; 5]| counts.get(order.as_slice()).copied().unwrap_or(0);
        // One whole arm first: 1/4 each. Interleaved: 1/8 each.
        let cases =
            [([0, 2, 1, 3, 4], 8000), ([1, 3, 0, 2, 4], 8000), ([0, 1, 2, 3, 4], 4000), ([1, 0, 2, 3, 4], 4000)];
        for (order, wanted) in cases {
            assert!(share(order).abs_diff(wanted) < 5 * 90, "{counts:?}");
        }
        assert_eq!(counts.len(), 6);
        assert_eq!((dag.depth(4), dag.depth(2), dag.depth(0)), (2, 1, 0));
    }
}
