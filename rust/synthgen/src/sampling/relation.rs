//! Which named vertex depends on which, as read from a row that may say anything.

use std::collections::{BTreeMap, BTreeSet};

/// A relation between vertices, which are numbered in the order of their first mention.
#[derive(Clone, Debug, Default)]
pub struct Relation<Name> {
    numbers: BTreeMap<Name, usize>,
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
}

impl<Name: Ord> Relation<Name> {
    /// Number of vertices.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Has nothing been mentioned?
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// The number of a vertex, a new one if it was not mentioned before.
    pub fn mention(&mut self, name: Name) -> usize {
        let vertex = *self.numbers.entry(name).or_insert(self.parents.len());
        if vertex == self.parents.len() {
            self.parents.push(Vec::new());
            self.children.push(Vec::new());
        }
        vertex
    }

    /// The number of a vertex that was mentioned.
    pub fn find(&self, name: &Name) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// Add an edge between different vertices, once, and to each vertex at most `bound` in either direction.
    pub fn relate(&mut self, parent: usize, child: usize, bound: usize) -> Result<(), &'static str> {
        if parent == child || self.parents[child].contains(&parent) {
            return Err("an edge from a vertex to itself, or an edge listed twice");
        }
        if self.parents[child].len() >= bound || self.children[parent].len() >= bound {
            return Err("a vertex with too many dependencies or dependents");
        }
        self.parents[child].push(parent);
        self.children[parent].push(child);
        Ok(())
    }

    /// What a vertex depends on directly.
    pub fn parents(&self, vertex: usize) -> &[usize] {
        &self.parents[vertex]
    }

    /// An order in which parents come first, the vertex mentioned first where there is a choice; `None` if there is a cycle.
    pub fn order(&self) -> Option<Vec<usize>> {
        let mut missing: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut ready: BTreeSet<usize> = (0..missing.len()).filter(|&vertex| missing[vertex] == 0).collect();
        let mut order = Vec::with_capacity(missing.len());
        while let Some(vertex) = ready.pop_first() {
            order.push(vertex);
            for &child in &self.children[vertex] {
                missing[child] -= 1;
                if missing[child] == 0 {
                    ready.insert(child);
                }
            }
        }
        (order.len() == missing.len()).then_some(order)
    }

    /// A vertex and all that it depends on.
    pub fn ancestors(&self, vertex: usize) -> BTreeSet<usize> {
        reach(&self.parents, vertex)
    }

    /// A vertex and all that depends on it.
    pub fn descendants(&self, vertex: usize) -> BTreeSet<usize> {
        reach(&self.children, vertex)
    }
}

fn reach(next: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(vertex) = open.pop() {
        open.extend(next[vertex].iter().copied().filter(|&other| found.insert(other)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_cycles_and_reach() {
        let mut relation = Relation::default();
        let edges = [("c", "d"), ("a", "c"), ("b", "d")];
        for (parent, child) in edges {
            let ends = [relation.mention(parent), relation.mention(child)];
            assert_eq!(relation.relate(ends[0], ends[1], 2), Ok(()));
        }
        // Numbers: c 0, d 1, a 2, b 3.
        assert_eq!(relation.order(), Some(vec![2, 0, 3, 1]));
        assert_eq!(relation.ancestors(0), BTreeSet::from([0, 2]));
        assert_eq!(relation.descendants(2), BTreeSet::from([0, 1, 2]));
        assert!(
            relation.relate(0, 1, 2).is_err() && relation.relate(0, 0, 2).is_err() && relation.relate(2, 1, 2).is_err()
        );
        assert_eq!(relation.relate(1, 2, 2), Ok(()));
        assert_eq!((relation.order(), relation.find(&"b"), relation.find(&"e")), (None, Some(3), None));
    }
}
