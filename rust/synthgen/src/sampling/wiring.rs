//! The law of layered circuits in which the last gate has an exact depth and reads everything.

use crate::params::Span;
use crate::rng::TaskRng;
use crate::sampling::circuit::{
    AND, Circuit, Gate, MAX_DEPTH, MAX_GATES, MAX_INPUTS, MAX_WIDTH, NAND, NOR, NOT, OR, XOR, column, relevant,
};
use crate::sampling::permutation::shuffle;

const MAX_NODES: usize = MAX_INPUTS + MAX_GATES;
/// The four types with two operands beside XOR.
const BINARY: [u8; 4] = [AND, OR, NAND, NOR];
/// Draws of types and wires for one draw of sizes and XOR gates.
const PATIENCE: u32 = 64;
/// Draws of a free operand that would repeat a gate.
const RETRIES: u32 = 8;
/// An operand that is not drawn yet.
const MISSING: u8 = u8::MAX;

/// What can still be read while a circuit is drawn from the top down: the most inputs, by layers to come, free operands,
/// and size of the layer above.
struct Room {
    width: usize,
    most: Vec<u8>,
}

/// More free operands than ever occur: two more than there are gates.
const SLOTS: usize = 4 + MAX_WIDTH * (MAX_DEPTH - 2) + 1;

impl Room {
    fn new(width: usize, depth: usize) -> Self {
        let mut room = Self { width, most: vec![0; (depth - 1) * SLOTS * (MAX_WIDTH + 1)] };
        for layers in 0..depth - 1 {
            for slots in 1..SLOTS {
                for above in 1..=width.min(slots) {
                    let below = |n: usize| {
                        let left = slots - n.max(above) + 2 * n;
                        if left < SLOTS { room.most(layers - 1, left, n) } else { 0 }
                    };
                    let most = if layers == 0 { slots } else { room.sizes(slots).map(below).max().unwrap_or(0) };
                    room.most[(layers * SLOTS + slots) * (MAX_WIDTH + 1) + above] = most as u8;
                }
            }
        }
        room
    }

    #[inline]
    fn most(&self, layers: usize, slots: usize, above: usize) -> usize {
        usize::from(self.most[(layers * SLOTS + slots) * (MAX_WIDTH + 1) + above])
    }

    #[inline]
    fn sizes(&self, slots: usize) -> std::ops::RangeInclusive<usize> {
        1..=self.width.min(slots)
    }

    /// Most inputs below a last gate with one or two operands.
    #[inline]
    fn below_last(&self, depth: usize, operands: usize) -> usize {
        let second = operands.min(self.width);
        self.most(depth - 2, operands - second + 2 * second, second)
    }
}

/// The law of circuits.
pub struct Law {
    num_inputs: Span,
    depth: Span,
    width: Span,
    xor_percent: u32,
    distractors: Span,
    /// By width, from the smallest.
    rooms: Vec<Room>,
}

/// A circuit that is being drawn: nodes are numbered from the inputs up, layer by layer. It is memory that stays: clearing
/// it for every circuit would take a tenth of the time.
pub struct Draft {
    depth: usize,
    /// Nodes of each layer; the inputs are layer 0.
    sizes: [usize; MAX_DEPTH + 1],
    /// Number of the first node of each layer.
    first: [usize; MAX_DEPTH + 2],
    /// Is the gate at this node a XOR? Is the last gate a NOT?
    is_xor: [bool; MAX_NODES],
    negated: bool,
    nodes: usize,
    gates: [Gate; MAX_NODES],
    layer: [u8; MAX_NODES],
    /// Values of the nodes under 64 assignments.
    values: [u64; MAX_NODES],
    /// By gate: the gates that read it, and how many operands of its own are not numbered yet.
    readers: [u128; MAX_GATES],
    waiting: [u8; MAX_GATES],
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            depth: 0,
            sizes: [0; MAX_DEPTH + 1],
            first: [0; MAX_DEPTH + 2],
            is_xor: [false; MAX_NODES],
            negated: false,
            nodes: 0,
            gates: [Gate::default(); MAX_NODES],
            layer: [0; MAX_NODES],
            values: [0; MAX_NODES],
            readers: [0; MAX_GATES],
            waiting: [0; MAX_GATES],
        }
    }
}

impl Law {
    /// Prepare tables for circuits of depth 2 or more. `Err` holds the most inputs that the smallest depth and width can
    /// read, where that is less than the smallest number of inputs.
    pub fn new(inputs: Span, depth: Span, width: Span, xor_percent: u32, distractors: Span) -> Result<Self, u32> {
        let rooms = (width.lo..=width.hi).map(|w| Room::new(w as usize, depth.hi as usize)).collect();
        let law = Self { num_inputs: inputs, depth, width, xor_percent, distractors, rooms };
        let most = law.rooms[0].below_last(depth.lo as usize, 2) as u32;
        if inputs.lo > most { Err(most) } else { Ok(law) }
    }

    /// Draw a circuit, and its truth table into `table`: 64 assignments to a word, repeated to fill whole words or blocks.
    pub fn draw(&self, rng: &mut TaskRng, circuit: &mut Circuit, table: &mut Vec<u64>, draft: &mut Draft) {
        let depth = rng.between(self.depth.lo, self.depth.hi);
        let width = rng.between(self.width.lo, self.width.hi);
        let room = &self.rooms[(width - self.width.lo) as usize];
        let most = room.below_last(depth as usize, 2) as u32;
        let inputs = rng.between(self.num_inputs.lo, self.num_inputs.hi.min(most)) as usize;
        (circuit.depth, circuit.width, circuit.inputs) = (depth, width, inputs);
        draft.depth = depth as usize;
        rng.in_registers(|rng| {
            'afresh: loop {
                self.draw_sizes(rng, room, inputs, draft);
                for _ in 0..PATIENCE {
                    draft.draw_kinds(rng);
                    if draft.wire(rng) {
                        draft.fill_table(table);
                        if relevant(table, inputs).count_ones() >= 2 {
                            break 'afresh;
                        }
                    }
                }
            }
            self.add_distractors(rng, draft);
            draft.number(rng, circuit);
        });
    }

    fn is_xor(&self, rng: &mut TaskRng) -> bool {
        rng.below(100) < self.xor_percent
    }

    /// Draw the sizes of the layers, and which gates are XOR.
    #[inline]
    fn draw_sizes(&self, rng: &mut TaskRng, room: &Room, inputs: usize, draft: &mut Draft) {
        let depth = draft.depth;
        let last_is_xor = self.is_xor(rng);
        draft.negated = !last_is_xor && rng.below(5) == 0 && room.below_last(depth, 1) >= inputs;
        let operands = 2 - usize::from(draft.negated);
        loop {
            let second = operands.min(room.width);
            let (mut above, mut slots) = (second, operands - second + 2 * second);
            draft.sizes[0] = inputs;
            draft.sizes[depth] = 1;
            draft.sizes[depth - 1] = second;
            for layer in (1..depth - 1).rev() {
                let (mut choices, mut count) = ([0u8; MAX_WIDTH], 0);
                for n in room.sizes(slots) {
                    choices[count] = n as u8;
                    count += usize::from(room.most(layer - 1, slots - n.max(above) + 2 * n, n) >= inputs);
                }
                let n = usize::from(choices[rng.below(count as u32) as usize]);
                (slots, above) = (slots - n.max(above) + 2 * n, n);
                draft.sizes[layer] = n;
            }
            if draft.set_layers() {
                break;
            }
        }
        let last = draft.nodes - 1;
        let mut node = inputs;
        while node < last {
            for draw in rng.below_each([100; 8]) {
                draft.is_xor[node.min(last)] = draw < self.xor_percent;
                node += 1;
            }
        }
        draft.is_xor[last] = last_is_xor;
    }

    /// Add gates that the last gate does not depend on; they read any node that was there before them.
    #[inline]
    fn add_distractors(&self, rng: &mut TaskRng, draft: &mut Draft) {
        if self.distractors.hi == 0 {
            return;
        }
        for _ in 0..rng.between(self.distractors.lo, self.distractors.hi) {
            let kind = if self.is_xor(rng) { XOR } else { [AND, OR, NAND, NOR, NOT][rng.below(5) as usize] };
            let (inputs, nodes) = (draft.sizes[0], draft.nodes);
            // The nodes outnumber the gates by the inputs, so some operands always make a new gate.
            let gate = loop {
                let [a, b] = rng.below_each([nodes as u32, nodes as u32 - 1]);
                let b = if kind == NOT { a } else { b + u32::from(b >= a) };
                let gate = Gate { kind, a: a as u8, b: b as u8 };
                if draft.gates[inputs..nodes].iter().all(|other| other.key() != gate.key()) {
                    break gate;
                }
            };
            draft.gates[nodes] = gate;
            draft.nodes += 1;
        }
    }
}

impl Draft {
    /// Number the nodes; `false` if some layer has as many gates as there are pairs for them to read, or more.
    #[inline]
    fn set_layers(&mut self) -> bool {
        let pairs = |n: usize| n * n.saturating_sub(1) / 2;
        let mut below = 0;
        for layer in 0..=self.depth {
            self.first[layer] = below;
            let size = self.sizes[layer];
            if layer > 0 && size >= pairs(below) - pairs(self.first[layer - 1]) {
                return false;
            }
            self.layer[below..below + size].fill(layer as u8);
            below += size;
        }
        self.first[self.depth + 1] = below;
        self.nodes = below;
        true
    }

    /// Draw the types of the gates that are not XOR, a NOT only where all nodes can still be read.
    #[inline]
    fn draw_kinds(&mut self, rng: &mut TaskRng) {
        let last = self.nodes - 1;
        // Free operands that no layer from here down needs, were every gate below the last binary.
        let (mut spare, mut slots) = ([0usize; MAX_DEPTH], 2 - usize::from(self.negated));
        for layer in (0..self.depth).rev() {
            let (size, above) = (self.sizes[layer], self.sizes[layer + 1]);
            spare[layer] = slots - size.max(above);
            slots = spare[layer] + 2 * size;
        }
        for layer in 1..self.depth {
            spare[layer] = spare[layer].min(spare[layer - 1]);
        }
        let mut spent = 0;
        let (mut draws, mut left) = ([0u32; 14], 0);
        for node in (self.sizes[0]..self.nodes).rev() {
            if left == 0 {
                (draws, left) = (rng.below_each([20; 14]), 14);
            }
            left -= 1;
            let draw = draws[left] as usize;
            let may_be_not = node < last && spare[usize::from(self.layer[node]) - 1] > spent;
            let other = if may_be_not && draw >= 16 { NOT } else { BINARY[draw % 4] };
            let other = if node == last && self.negated { NOT } else { other };
            let kind = if self.is_xor[node] { XOR } else { other };
            spent += usize::from(kind == NOT && node < last);
            self.gates[node] = Gate { kind, a: MISSING, b: MISSING };
        }
    }

    /// Connect the layers: first every node gets a reader and every gate one operand in the layer below it, then the free
    /// operands read any lower node. `false` if a gate would occur twice.
    #[inline]
    fn wire(&mut self, rng: &mut TaskRng) -> bool {
        let (mut free, mut count) = ([0u8; MAX_NODES], 0);
        for layer in (0..self.depth).rev() {
            let (first, size) = (self.first[layer], self.sizes[layer]);
            let mut order: [u8; MAX_INPUTS] = std::array::from_fn(|i| (first + i) as u8);
            shuffle(rng, &mut order[..size]);
            let readers = self.first[layer + 1]..self.first[layer + 2];
            let above = readers.len();
            for (i, reader) in readers.clone().enumerate() {
                let node = if i < size { order[i] } else { order[rng.below(size as u32) as usize] };
                self.gates[reader].a = node;
                if self.gates[reader].kind == NOT {
                    self.gates[reader].b = node;
                    if i >= size && self.repeats(reader, readers.start) {
                        return false;
                    }
                } else {
                    free[count] = reader as u8;
                    count += 1;
                }
            }
            for &node in order[..size].iter().skip(above) {
                let which = rng.below(count as u32) as usize;
                count -= 1;
                free.swap(which, count);
                self.gates[usize::from(free[count])].b = node;
            }
        }
        free[..count].iter().all(|&reader| {
            let reader = usize::from(reader);
            let start = self.first[usize::from(self.layer[reader])];
            (0..RETRIES).any(|_| {
                let node = rng.below(start as u32 - 1) as u8;
                self.gates[reader].b = node + u8::from(node >= self.gates[reader].a);
                !self.repeats(reader, start)
            })
        })
    }

    /// Is there another gate like this one in its layer?
    #[inline]
    fn repeats(&self, gate: usize, start: usize) -> bool {
        let key = self.gates[gate].key();
        let end = start + self.sizes[usize::from(self.layer[gate])];
        (start..end).any(|other| other != gate && self.gates[other].key() == key)
    }

    /// Work out the truth table of the last gate.
    #[inline]
    fn fill_table(&mut self, table: &mut Vec<u64>) {
        table.clear();
        if self.sizes[0] > 6 {
            return self.fill_blocks::<8>(table);
        }
        let inputs = self.sizes[0];
        for (i, value) in self.values[..inputs].iter_mut().enumerate() {
            *value = column(i, 0);
        }
        for node in inputs..self.nodes {
            let gate = self.gates[node];
            self.values[node] = gate.value(self.values[usize::from(gate.a)], self.values[usize::from(gate.b)]);
        }
        table.push(self.values[self.nodes - 1]);
    }

    #[inline]
    fn fill_blocks<const W: usize>(&self, table: &mut Vec<u64>) {
        let inputs = self.sizes[0];
        let words = (1usize << inputs.saturating_sub(6)).max(W);
        let mut values = [[0u64; W]; MAX_NODES];
        for block in 0..words / W {
            for (i, value) in values[..inputs].iter_mut().enumerate() {
                *value = std::array::from_fn(|k| column(i, block * W + k));
            }
            for node in inputs..self.nodes {
                let gate = self.gates[node];
                let (a, b) = (values[usize::from(gate.a)], values[usize::from(gate.b)]);
                values[node] = std::array::from_fn(|k| gate.value(a[k], b[k]));
            }
            table.extend_from_slice(&values[self.nodes - 1]);
        }
    }

    /// Number the gates in a random order in which operands come first: the next is any whose operands are numbered.
    #[inline]
    fn number(&mut self, rng: &mut TaskRng, circuit: &mut Circuit) {
        let inputs = self.sizes[0];
        let count = self.nodes - inputs;
        let last = self.first[self.depth];
        let Self { readers, waiting, .. } = self;
        readers[..count].fill(0);
        waiting[..count].fill(0);
        let (mut ready, mut open) = ([0u8; MAX_GATES], 0);
        for (g, (gate, waiting)) in self.gates[inputs..self.nodes].iter().zip(&mut *waiting).enumerate() {
            for node in [gate.a, gate.b].into_iter().take(2 - usize::from(gate.kind == NOT)) {
                if let Some(operand) = usize::from(node).checked_sub(inputs) {
                    readers[operand] |= 1 << g;
                    *waiting += 1;
                }
            }
            if *waiting == 0 {
                ready[open] = g as u8;
                open += 1;
            }
        }
        let mut names: [u8; MAX_NODES] = std::array::from_fn(|i| i as u8);
        circuit.gates.clear();
        let mut coins = 0;
        for i in 0..count {
            let which = if open > 1 { rng.below(open as u32) as usize } else { 0 };
            let g = usize::from(ready[which]);
            open -= 1;
            ready[which] = ready[open];
            if i % 64 == 0 {
                coins = rng.word();
            }
            let Gate { kind, a, b } = self.gates[inputs + g];
            let (a, b) = if coins & 1 == 1 { (b, a) } else { (a, b) };
            coins >>= 1;
            circuit.gates.push(Gate { kind, a: names[usize::from(a)], b: names[usize::from(b)] });
            names[inputs + g] = (inputs + i) as u8;
            if inputs + g == last {
                circuit.output = i;
            }
            let mut left = readers[g];
            while left != 0 {
                let reader = left.trailing_zeros() as usize;
                left &= left - 1;
                waiting[reader] -= 1;
                ready[open] = reader as u8;
                open += usize::from(waiting[reader] == 0);
            }
        }
    }
}
