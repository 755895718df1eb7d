//! Boolean circuits, what their gates say and depend on, and truth tables.

use crate::rng::TaskRng;

/// Most inputs of a drawn circuit: its truth table is worked out in full.
pub const MAX_INPUTS: usize = 16;
/// Most layers of gates.
pub const MAX_DEPTH: usize = 12;
/// Most gates of a layer.
pub const MAX_WIDTH: usize = 8;
/// Most gates, those that nothing depends on included.
pub const MAX_GATES: usize = 128;

/// Types of gates; the order of their ids.
pub const AND: u8 = 0;
#[allow(missing_docs)]
pub const OR: u8 = 1;
#[allow(missing_docs)]
pub const XOR: u8 = 2;
#[allow(missing_docs)]
pub const NAND: u8 = 3;
#[allow(missing_docs)]
pub const NOR: u8 = 4;
#[allow(missing_docs)]
pub const NOT: u8 = 5;

/// What a gate is made of, by type: does it use the conjunction, the exclusive disjunction, the complement?
const PARTS: [(u64, u64, u64); 6] = [(!0, 0, 0), (!0, !0, 0), (0, !0, 0), (!0, 0, !0), (!0, !0, !0), (!0, 0, !0)];
/// A gate; its operands are numbers of nodes: first the inputs, then the gates. A NOT reads `a` twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Type.
    pub kind: u8,
    /// First operand.
    pub a: u8,
    /// Second operand.
    pub b: u8,
}

impl Gate {
    /// Its value, where bits of words stand for assignments.
    #[inline]
    pub fn value(self, a: u64, b: u64) -> u64 {
        let (both, either, not) = PARTS[usize::from(self.kind)];
        (both & a & b) ^ (either & (a ^ b)) ^ not
    }

    /// The same for two gates that say the same.
    #[inline]
    pub fn key(self) -> u32 {
        u32::from(self.kind) << 16 | u32::from(self.a.min(self.b)) << 8 | u32::from(self.a.max(self.b))
    }

    /// The nodes it reads.
    pub fn operands(self) -> impl Iterator<Item = u8> + Clone {
        [self.a, self.b].into_iter().take(2 - usize::from(self.kind == NOT))
    }
}

/// A circuit whose gates are numbered in an order in which operands come first.
#[derive(Clone, Debug, Default)]
pub struct Circuit {
    /// Number of inputs.
    pub inputs: usize,
    /// Gates.
    pub gates: Vec<Gate>,
    /// Number of the gate that is asked about.
    pub output: usize,
    /// Layers of gates it was drawn with.
    pub depth: u32,
    /// Most gates of a layer it was drawn with.
    pub width: u32,
}

impl Circuit {
    /// Values of all nodes under an assignment (bit i is input i).
    pub fn values(&self, assignment: u64) -> Vec<bool> {
        let mut values = Vec::with_capacity(self.inputs + self.gates.len());
        values.extend((0..self.inputs).map(|i| assignment >> i & 1 == 1));
        for gate in &self.gates {
            let [a, b] = [gate.a, gate.b].map(|node| u64::from(values[usize::from(node)]));
            values.push(gate.value(a, b) & 1 == 1);
        }
        values
    }

    /// The balanced tree of XOR gates over `inputs` bits: neighbours are joined layer by layer, an odd last one is carried up.
    pub fn set_parity(&mut self, inputs: usize) {
        self.inputs = inputs;
        self.gates.clear();
        self.depth = 0;
        let mut layer: Vec<u8> = (0..inputs as u8).collect();
        while layer.len() > 1 {
            self.depth += 1;
            let join = |pair: &[u8]| {
                let &[a, b] = pair else { return pair[0] };
                self.gates.push(Gate { kind: XOR, a, b });
                (inputs + self.gates.len() - 1) as u8
            };
            layer = layer.chunks(2).map(join).collect();
        }
        self.width = (inputs / 2) as u32;
        self.output = self.gates.len() - 1;
    }

    /// Layers that must be worked out to be sure of the output, given the values of all nodes: one operand can settle an AND, OR, NAND or NOR.
    pub fn proof_depth(&self, values: &[bool]) -> u32 {
        let mut depths = Vec::with_capacity(values.len());
        depths.resize(self.inputs, 0);
        for &gate in &self.gates {
            let settling = match gate.kind {
                AND | NAND => Some(false),
                OR | NOR => Some(true),
                _ => None,
            };
            let known = gate.operands().map(|node| (values[usize::from(node)], depths[usize::from(node)]));
            let alone = known.clone().filter(|&(value, _)| Some(value) == settling).map(|(_, depth)| depth).min();
            let all = known.map(|(_, depth)| depth).max();
            depths.push(1 + alone.or(all).unwrap_or(0));
        }
        depths[self.inputs + self.output]
    }

    /// The value of the output under an assignment, worked out from the top down and no further than it takes.
    ///
    /// `known` is memory.
    pub fn evaluate(&self, bits: u64, known: &mut Vec<Option<bool>>) -> bool {
        known.clear();
        known.resize(self.inputs + self.gates.len(), None);
        self.evaluate_node(self.inputs + self.output, bits, known)
    }

    fn evaluate_node(&self, node: usize, bits: u64, known: &mut [Option<bool>]) -> bool {
        if node < self.inputs {
            return bits >> node & 1 == 1;
        }
        if let Some(value) = known[node] {
            return value;
        }
        let Gate { kind, a, b } = self.gates[node - self.inputs];
        let mut operand = |node: u8| self.evaluate_node(usize::from(node), bits, known);
        let value = match kind {
            AND => operand(a) && operand(b),
            OR => operand(a) || operand(b),
            NAND => !(operand(a) && operand(b)),
            NOR => !(operand(a) || operand(b)),
            NOT => !operand(a),
            _ => operand(a) != operand(b),
        };
        known[node] = Some(value);
        value
    }

    /// Do two inputs matter to the output? Assignments near the given one nearly always say so; the others are tried after them.
    pub fn two_inputs_matter(&self, bits: u64) -> bool {
        let mut known = Vec::new();
        let mut value = |assignment: u64| self.evaluate(assignment, &mut known);
        let (mut found, all) = (0u64, 1u64 << self.inputs);
        for other in 0..all.min(64) {
            let here = value(bits ^ other);
            for i in 0..self.inputs {
                if found >> i & 1 == 0 && value(bits ^ other ^ 1 << i) != here {
                    found |= 1 << i;
                }
            }
            if found.count_ones() >= 2 {
                return true;
            }
        }
        let values: Vec<bool> = (0..all).map(value).collect();
        let matters = |&i: &usize| (0..values.len()).any(|at| values[at] != values[at ^ 1 << i]);
        (0..self.inputs).filter(matters).count() >= 2
    }
}

/// How far each node is from the inputs, and whether the output depends on it.
pub struct Shape {
    inputs: usize,
    /// Layers of gates from the inputs up to each node.
    pub layers: Vec<u32>,
    /// Does the output depend on the node?
    pub cone: Vec<bool>,
}

impl Shape {
    /// Work it out.
    pub fn of(c: &Circuit) -> Self {
        let mut layers = Vec::with_capacity(c.inputs + c.gates.len());
        layers.resize(c.inputs, 0);
        for &gate in &c.gates {
            let below = gate.operands().map(|node| layers[usize::from(node)]).max();
            layers.push(1 + below.unwrap_or(0));
        }
        let mut cone = vec![false; layers.len()];
        cone[c.inputs + c.output] = true;
        for (k, &gate) in c.gates.iter().enumerate().rev() {
            if cone[c.inputs + k] {
                gate.operands().for_each(|node| cone[usize::from(node)] = true);
            }
        }
        Self { inputs: c.inputs, layers, cone }
    }

    /// The gates that the output depends on, as nodes.
    pub fn cone_gates(&self) -> impl Iterator<Item = usize> {
        (self.inputs..self.cone.len()).filter(|&node| self.cone[node])
    }
}

/// Values of input `i` over the 64 assignments of a word of a truth table.
#[inline]
pub fn column(i: usize, word: usize) -> u64 {
    const LOW: [u64; 6] = [
        0xAAAA_AAAA_AAAA_AAAA,
        0xCCCC_CCCC_CCCC_CCCC,
        0xF0F0_F0F0_F0F0_F0F0,
        0xFF00_FF00_FF00_FF00,
        0xFFFF_0000_FFFF_0000,
        0xFFFF_FFFF_0000_0000,
    ];
    if i < 6 { LOW[i] } else { 0u64.wrapping_sub(word as u64 >> (i - 6) & 1) }
}

/// Which inputs a truth table depends on, as bits.
pub fn relevant(table: &[u64], inputs: usize) -> u32 {
    (0..inputs).fold(0, |found, i| {
        let differs = if i < 6 {
            table.iter().any(|&word| (word ^ word >> (1 << i)) & !column(i, 0) != 0)
        } else {
            let step = 1 << (i - 6);
            (0..table.len()).any(|at| at & step == 0 && table[at] != table[at | step])
        };
        found | u32::from(differs) << i
    })
}

/// A uniform assignment among those whose value in the table is `wanted`, of which there must be one.
#[inline]
pub fn draw_assignment(rng: &mut TaskRng, table: &[u64], inputs: usize, wanted: bool) -> u64 {
    let flip = if wanted { 0 } else { !0u64 };
    let total: u32 = table.iter().map(|&word| (word ^ flip).count_ones()).sum();
    let mut rank = rng.below(total);
    for (at, &word) in table.iter().enumerate() {
        let mut word = word ^ flip;
        if rank < word.count_ones() {
            for _ in 0..rank {
                word &= word - 1;
            }
            return (at as u64 * 64 + u64::from(word.trailing_zeros())) & ((1 << inputs) - 1);
        }
        rank -= word.count_ones();
    }
    0
}
