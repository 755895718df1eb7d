//! Logic: a boolean circuit, values of its inputs, and the question what one gate says.
//!
//! Source: the Logic task of the `SynthLM` task set. It tests computation that is not linear, through as many gates as the
//! circuit is deep.
//!
//! ```text
//! INPUTS x0=1 x1=1 x2=0 || GATES g0=XOR(x2,x1) | g1=NOR(x0,x1) | g2=OR(g1,g0) || QUERY g2 -> 1
//! ```

mod instructions;

use std::sync::LazyLock;

use serde::Serialize;

use crate::error::Error;
use crate::metadata::{entries, list};
use crate::params::Span;
use crate::reading::{Flaw, Form, Reading, Tokens};
use crate::rng::TaskRng;
use crate::row::Row;
use crate::sampling::circuit::{self, Circuit, Gate, NOT, Shape, XOR};
use crate::sampling::wiring::{Draft, Law};
use crate::score::forms;
use crate::split::Content;
use crate::task::Task;
use crate::vocab::{BOS, EOS, Vocab};
use crate::{choice, object, params};

/// Most inputs a row can name; circuits that are not parity have at most [`circuit::MAX_INPUTS`].
const MAX_INPUTS: u16 = 64;
const MAX_GATES: u16 = circuit::MAX_GATES as u16;
const MAX_NODES: u16 = MAX_INPUTS + MAX_GATES;
const KINDS: [&str; 6] = ["AND", "OR", "XOR", "NAND", "NOR", "NOT"];
/// `INPUTS x0=`, ` x1=` and on.
const INPUT: u16 = 3;
const BIT: u16 = INPUT + MAX_INPUTS;
/// ` || GATES g0=`, ` | g1=` and on.
const GATE: u16 = BIT + 2;
const KIND: u16 = GATE + MAX_GATES;
/// `x0,` and on, then `g0,` and on: an operand before another; then the same for the last operand.
const OPERAND: u16 = KIND + 6;
const LAST: u16 = OPERAND + MAX_NODES;
const QUERY: u16 = LAST + MAX_NODES;
const ARROW: u16 = QUERY + MAX_GATES;
const ANSWER: u16 = ARROW + 1;

choice! {
    /// Which circuits are drawn.
    pub enum Mode {
        /// Random circuits.
        Circuit = "circuit",
        /// The balanced tree of XOR gates, whose answer is the parity of the inputs.
        Parity = "parity",
    }
}

params! {
    /// Parameters of Logic.
    pub struct Params {
        /// Inputs; at most 16 in mode circuit.
        num_inputs: Span = Span::new(3, 6) => 2..=64;
        /// Layers of gates; the queried gate is exactly this far from the inputs.
        depth: Span = Span::new(2, 6) => 2..=12;
        /// Most gates of a layer.
        width: Span = Span::new(2, 4) => 1..=8;
        /// Chance of each gate to be XOR, in percent.
        xor_percent: u32 = 30 => 0..=100;
        /// Further gates that the queried gate does not depend on.
        distractors: Span = Span::new(0, 0) => 0..=32;
        /// Random circuits, or the balanced tree of XOR gates, which ignores the other parameters but num_inputs.
        mode: Mode = Mode::Circuit;
    }
}

/// A circuit and the values of its inputs.
#[derive(Default)]
pub struct Instance {
    circuit: Circuit,
    /// Values of the inputs, as bits.
    bits: u64,
    answer: bool,
    /// Truth table of the queried gate, unless it is a parity.
    table: Vec<u64>,
    draft: Draft,
}

/// Logic with checked parameters.
pub struct Logic {
    params: Params,
    /// The law of circuits, unless they are parity trees.
    law: Option<Law>,
}

impl Task for Logic {
    const NAME: &'static str = "logic";
    const VERSION: u32 = 1;
    const SUMMARY: &'static str = "Boolean circuits: say what a gate of exact depth computes.";
    const SALT: u64 = 0x6C6F_6769_6300_0001;
    const SPLIT_KEY: &'static str =
        "the queried gate as a formula, operands in either order and gates unnamed, and the values of the inputs";
    const AXES: &'static [&'static str] = &["depth", "num_gates"];
    const LEADS: &'static [&'static str] = &["gate", "bit", "signal", "of"];
    const STOPS: &'static [&'static str] = &["\n", " |"];
    type Params = Params;
    type Instance = Instance;

    fn new(params: Params) -> Result<Self, Error> {
        let Params { num_inputs: Span { lo, hi }, depth, width, xor_percent, distractors, mode } = params;
        if mode == Mode::Parity {
            return Ok(Self { params, law: None });
        }
        let refuse = |allowed: String| Err(Error::param(Self::NAME, "num_inputs", format!("[{lo},{hi}]"), allowed));
        if lo < 3 || hi as usize > circuit::MAX_INPUTS {
            let most = circuit::MAX_INPUTS;
            return refuse(format!("allowed: 3..={most} in mode 'circuit'; mode 'parity' takes 2..={MAX_INPUTS}"));
        }
        match Law::new(params.num_inputs, depth, width, xor_percent, distractors) {
            Ok(law) => Ok(Self { params, law: Some(law) }),
            Err(most) => refuse(format!(
                "allowed: at least one number in 3..={most}, all that the smallest depth = {} and width = {} can read; \
                 raise depth or width",
                depth.lo, width.lo
            )),
        }
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn preset(level: u8) -> Params {
        let (num_inputs, depth, width, xor_percent) = match level {
            1 => (Span::new(3, 4), Span::new(2, 3), Span::new(2, 3), 10),
            2 => (Span::new(4, 5), Span::new(3, 5), Span::new(2, 4), 30),
            _ => (Span::new(5, 6), Span::new(5, 8), Span::new(3, 5), 50),
        };
        Params { num_inputs, depth, width, xor_percent, ..Params::default() }
    }

    fn extremes() -> [Params; 2] {
        let of = |inputs, depth, width, distractors| Params {
            num_inputs: Span::new(inputs, inputs),
            depth: Span::new(depth, depth),
            width: Span::new(width, width),
            distractors: Span::new(distractors, distractors),
            ..Params::default()
        };
        [of(3, 2, 1, 0), of(16, 12, 8, 32)]
    }

    fn wider(params: &Params) -> Option<Params> {
        let num_inputs = Span::new(params.num_inputs.lo, params.num_inputs.hi + 1);
        let most = if params.mode == Mode::Parity { u32::from(MAX_INPUTS) } else { circuit::MAX_INPUTS as u32 };
        (num_inputs.hi <= most).then(|| Params { num_inputs, ..params.clone() })
    }

    fn drawn(params: &Params) -> Params {
        match params.mode {
            Mode::Circuit => params.clone(),
            Mode::Parity => Params { num_inputs: params.num_inputs, mode: params.mode, ..Params::default() },
        }
    }

    fn instructions(&self) -> String {
        instructions::text(self)
    }

    fn vocab() -> &'static Vocab {
        static VOCAB: LazyLock<Vocab> = LazyLock::new(|| {
            let node = |i: u16| if i < MAX_INPUTS { format!("x{i}") } else { format!("g{}", i - MAX_INPUTS) };
            Vocab::build()
                .family(INPUT, MAX_INPUTS, |i| if i == 0 { "INPUTS x0=".to_owned() } else { format!(" x{i}=") })
                .family(BIT, 2, |i| i.to_string())
                .family(GATE, MAX_GATES, |i| if i == 0 { " || GATES g0=".to_owned() } else { format!(" | g{i}=") })
                .family(KIND, 6, |i| format!("{}(", KINDS[usize::from(i)]))
                .family(OPERAND, MAX_NODES, |i| format!("{},", node(i)))
                .family(LAST, MAX_NODES, |i| format!("{})", node(i)))
                .family(QUERY, MAX_GATES, |i| format!(" || QUERY g{i}"))
                .piece(ARROW, " ->")
                .family(ANSWER, 2, |i| format!(" {i}"))
                .finish()
        });
        &VOCAB
    }

    fn max_len(&self) -> usize {
        let p = &self.params;
        let inputs = p.num_inputs.hi as usize;
        let gates = match p.mode {
            Mode::Circuit => {
                let (depth, width) = (p.depth.hi as usize, p.width.hi as usize);
                1 + width.min(2) + (depth - 2) * width + p.distractors.hi as usize
            }
            Mode::Parity => inputs - 1,
        };
        5 + 2 * inputs + 4 * gates
    }

    fn sample(&self, rng: &mut TaskRng, it: &mut Instance) {
        let Some(law) = &self.law else {
            let inputs = rng.between(self.params.num_inputs.lo, self.params.num_inputs.hi) as usize;
            it.circuit.set_parity(inputs);
            it.bits = rng.word() >> (64 - inputs);
            it.answer = it.bits.count_ones() % 2 == 1;
            return;
        };
        law.draw(rng, &mut it.circuit, &mut it.table, &mut it.draft);
        it.answer = rng.coin();
        it.bits = circuit::draw_assignment(rng, &it.table, it.circuit.inputs, it.answer);
    }

    fn content(&self, it: &Instance) -> u64 {
        content(&it.circuit, it.bits)
    }

    fn encode(&self, it: &Instance, row: &mut Row) {
        let Circuit { inputs, ref gates, output, .. } = it.circuit;
        let node = |node: u8| {
            let node = u16::from(node);
            if usize::from(node) < inputs { node } else { node - inputs as u16 + MAX_INPUTS }
        };
        row.push(BOS);
        for i in 0..inputs as u16 {
            row.extend(&[INPUT + i, BIT + (it.bits >> i & 1) as u16]);
        }
        for (k, gate) in (0..).zip(gates) {
            let (kind, last) = (KIND + u16::from(gate.kind), LAST + node(gate.b));
            let one = gate.kind == NOT;
            let third = if one { last } else { OPERAND + node(gate.a) };
            row.extend_cut([GATE + k, kind, third, last], 4 - usize::from(one));
        }
        let start = row.here();
        row.extend(&[QUERY + output as u16, ARROW, ANSWER + u16::from(it.answer)]);
        row.query(start, start + 2);
        row.push(EOS);
        row.predict_from(start + 2);
    }

    fn metadata(&self, it: &Instance) -> impl Serialize {
        let c = &it.circuit;
        let vocab = Self::vocab();
        // A name is a last operand without the bracket.
        let name = move |node: usize| {
            let node = if node < c.inputs { node } else { node - c.inputs + usize::from(MAX_INPUTS) };
            let operand = vocab.piece(LAST + node as u16);
            &operand[..operand.len() - 1]
        };
        let values = c.values(it.bits);
        let shape = Shape::of(c);
        let proof_depth = c.proof_depth(&values);
        let mut bits = [false; MAX_NODES as usize];
        bits[..values.len()].copy_from_slice(&values);
        let value = move |node: usize| (name(node), u8::from(bits[node]));
        let gate = move |(k, gate): (usize, &Gate)| {
            let operands = gate.operands().map(move |node| name(usize::from(node)));
            (name(c.inputs + k), KINDS[usize::from(gate.kind)], list(operands))
        };
        let xors = c.gates.iter().filter(|gate| gate.kind == XOR).count();
        let is_parity = self.params.mode == Mode::Parity;
        let matter = if is_parity { c.inputs } else { circuit::relevant(&it.table, c.inputs).count_ones() as usize };
        let gates = printed_order(c.gates.len()).map(move |k| c.inputs + k);
        object! {
            "all_values": entries(gates.chain(printed_order(c.inputs)).map(value)),
            "depth": c.depth,
            "gates": list(c.gates.iter().enumerate().map(gate)),
            "input_vars": entries(printed_order(c.inputs).map(value)),
            "measured": object! {
                "depth": shape.layers[c.inputs + c.output],
                "gates_in_cone": shape.cone_gates().count(),
                "inputs_that_matter": matter,
                "inputs_used": shape.cone[..c.inputs].iter().filter(|&&used| used).count(),
                "proof_depth": proof_depth,
                "xor_share": xors as f64 / c.gates.len() as f64,
            },
            "num_bits"?: is_parity.then_some(c.inputs),
            "num_gates": c.gates.len(),
            "num_inputs": c.inputs,
            "output_gate": name(c.inputs + c.output),
            "task_type"?: is_parity.then_some("pure_parity"),
            "width": c.width,
            "xor_count": xors,
        }
    }

    fn is_answer(text: &str) -> bool {
        text == "0" || text == "1"
    }

    fn spelled(text: &str) -> Option<String> {
        forms::bit(text)
    }

    fn subjects(prompt: &str) -> Vec<String> {
        forms::asked(prompt, "QUERY ", "->").map(str::to_owned).into_iter().collect()
    }

    fn read(rules: Option<&Self>, ids: &[u16], form: Form) -> Result<Reading, Flaw> {
        let mut tokens = Tokens::after_bos(ids)?;
        let (circuit, bits) = read_circuit(rules, &mut tokens)?;
        let at = tokens.at() - 1;
        if let Some(task) = rules {
            task.check(&circuit, bits).map_err(|reason| Flaw::at(at, reason))?;
        }
        tokens.expect(ARROW, "' ->'")?;
        let right = ANSWER + u16::from(circuit.evaluate(bits, &mut Vec::new()));
        let mut reading = Reading { content: content(&circuit, bits), answer: vec![right], ..Reading::default() };
        if form == Form::Prompt {
            return if tokens.is_done() { Ok(reading) } else { tokens.fail("a prompt ends at ' ->'") };
        }
        let answer = tokens.at() as u32;
        tokens.expect(right, "the right answer")?;
        tokens.expect(EOS, "<eos>")?;
        reading.loss.push(answer..answer + 2);
        if tokens.is_done() { Ok(reading) } else { tokens.fail("nothing may follow <eos>") }
    }
}

impl Logic {
    /// The rules of these parameters, for a circuit whose grammar is right.
    fn check(&self, c: &Circuit, bits: u64) -> Result<(), String> {
        let p = &self.params;
        if p.mode == Mode::Parity {
            let mut tree = Circuit::default();
            tree.set_parity(c.inputs);
            // The tree names the two operands of a gate in ascending order.
            let same = (&tree.gates, tree.output) == (&c.gates, c.output);
            return if same { Ok(()) } else { Err("not the balanced tree of XOR gates".to_owned()) };
        }
        let mut keys: Vec<u32> = c.gates.iter().map(|gate| gate.key()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two gates say the same".to_owned());
        }
        if c.gates.iter().any(|gate| p.xor_percent == if gate.kind == XOR { 0 } else { 100 }) {
            return Err("a gate that xor_percent excludes".to_owned());
        }
        let shape = Shape::of(c);
        let depth = shape.layers[c.inputs + c.output];
        if !p.depth.contains(depth) {
            return Err(format!("depth {depth}; allowed: {}..={}", p.depth.lo, p.depth.hi));
        }
        if shape.cone[..c.inputs].contains(&false) {
            return Err("an input that the queried gate does not depend on".to_owned());
        }
        let outside = c.gates.len() - shape.cone_gates().count();
        if !p.distractors.contains(outside as u32) {
            let allowed = p.distractors;
            return Err(format!("{outside} gates that nothing asks for; allowed: {}..={}", allowed.lo, allowed.hi));
        }
        let mut sizes = [0; circuit::MAX_DEPTH + 1];
        shape.cone_gates().for_each(|node| sizes[shape.layers[node] as usize] += 1);
        let widest = sizes.into_iter().max().unwrap_or(0);
        // Only a circuit of single gates may ask a gate that reads past the layer below it.
        let flat = c.gates[c.output].operands().all(|node| shape.layers[usize::from(node)] + 1 == depth);
        if widest > p.width.hi || !(flat || p.width.lo == 1 && widest == 1) {
            return Err("a layer is wider than width, or the queried gate reads past the layer below it".to_owned());
        }
        if c.two_inputs_matter(bits) { Ok(()) } else { Err("the answer depends on fewer than two inputs".to_owned()) }
    }
}

/// The numbers below `count` in the order of their decimals.
fn printed_order(count: usize) -> impl Iterator<Item = usize> + Clone {
    let after = move |&n: &usize| {
        if n > 0 && 10 * n < count {
            return Some(10 * n);
        }
        let mut n = n;
        while n % 10 == 9 || n + 1 >= count {
            n /= 10;
            if n == 0 {
                return None;
            }
        }
        Some(n + 1)
    };
    std::iter::successors((count > 0).then_some(0), after)
}

/// Hash the queried gate as a formula without order, and the values of the inputs.
fn content(c: &Circuit, bits: u64) -> u64 {
    let mut hashes = [0u64; MAX_NODES as usize];
    for (i, hash) in hashes[..c.inputs].iter_mut().enumerate() {
        *hash = Content::new(Logic::SALT).fact(i as u64).finish();
    }
    for (k, gate) in c.gates.iter().enumerate() {
        let [a, b] = [gate.a, gate.b].map(|node| hashes[usize::from(node)]);
        hashes[c.inputs + k] = Content::new(u64::from(gate.kind)).fact(a.wrapping_add(b)).finish();
    }
    let output = hashes[c.inputs + c.output];
    Content::new(Logic::SALT).fact(output).fact(c.inputs as u64).fact(bits).finish()
}

fn read_circuit(rules: Option<&Logic>, tokens: &mut Tokens<'_>) -> Result<(Circuit, u64), Flaw> {
    let (mut inputs, mut bits) = (0u16, 0u64);
    while inputs < MAX_INPUTS && tokens.accept(INPUT + inputs) {
        bits |= u64::from(tokens.expect_family(BIT, 2, "0 or 1")?) << inputs;
        inputs += 1;
    }
    let allowed = rules.map_or(Span::new(1, u32::from(MAX_INPUTS)), |task| task.params.num_inputs);
    if !allowed.contains(u32::from(inputs)) {
        return tokens.fail(format!("{inputs} inputs, named in order; allowed: {}..={}", allowed.lo, allowed.hi));
    }
    let mut c = Circuit { inputs: usize::from(inputs), ..Circuit::default() };
    let mut count = 0u16;
    while count < MAX_GATES && tokens.accept(GATE + count) {
        let kind = tokens.expect_family(KIND, 6, "a gate")? as u8;
        let a = if kind == NOT { None } else { Some(read_operand(tokens, OPERAND, inputs, count)?) };
        let at = tokens.at();
        let b = read_operand(tokens, LAST, inputs, count)?;
        if a == Some(b) && rules.is_some() {
            return Err(Flaw::at(at, "a gate reads one node twice"));
        }
        c.gates.push(Gate { kind, a: a.unwrap_or(b), b });
        count += 1;
    }
    let output = tokens.expect_family(QUERY, count, "another gate, or a query about one of the gates")?;
    c.output = output as usize;
    Ok((c, bits))
}

/// Read an operand that was named before, as the number of its node.
fn read_operand(tokens: &mut Tokens<'_>, family: u16, inputs: u16, gates: u16) -> Result<u8, Flaw> {
    let input = tokens.family(family, inputs);
    let node = input.or_else(|| tokens.family(family + MAX_INPUTS, gates).map(|gate| inputs + gate));
    node.map_or_else(|| tokens.fail("expected an input or an earlier gate"), |node| Ok(node as u8))
}

#[cfg(test)]
mod tests;
