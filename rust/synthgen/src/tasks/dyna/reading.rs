//! The parts of a Dyna row, read back.

use super::{AMOUNT, ARG_1, ARG_2, COMMA, Dyna, FIRST_OP, MAX, NAME, NEXT_OP, NUMBER, OPS, STATE};
use crate::params::Span;
use crate::reading::{Flaw, Tokens};
use crate::sampling::moves::{LEFT, Op, REVERSE, RIGHT};

pub(super) fn read_state(rules: Option<&Dyna>, tokens: &mut Tokens<'_>) -> Result<(bool, Vec<u8>), Flaw> {
    tokens.expect(STATE, "'STATE ['")?;
    let symbolic = tokens.peek().is_some_and(|id| id >= NAME);
    let family = if symbolic { NAME } else { NUMBER };
    let mut state = Vec::new();
    loop {
        let at = tokens.at();
        let element = tokens.expect_family(family, MAX, "an element")? as u8;
        if state.contains(&element) {
            return Err(Flaw::at(at, "an element occurs twice"));
        }
        state.push(element);
        if !tokens.accept(COMMA) {
            break;
        }
    }
    let at = tokens.at();
    tokens.expect(OPS, "'] || OPS '")?;
    if state.iter().any(|&e| usize::from(e) >= state.len()) || state.len() < 2 {
        return Err(Flaw::at(at, "the elements must be the first n names, n at least 2"));
    }
    if let Some(Dyna { params: p, .. }) = rules
        && (p.symbolic_names != symbolic || !p.state_size.contains(state.len() as u32))
    {
        return Err(Flaw::at(at, "state_size or symbolic_names differ from the parameters"));
    }
    Ok((symbolic, state))
}

pub(super) fn read_ops(rules: Option<&Dyna>, tokens: &mut Tokens<'_>, n: u8) -> Result<Vec<Op>, Flaw> {
    let mut ops = Vec::new();
    let wide = u16::from(n);
    while let Some(kind) = tokens.family(if ops.is_empty() { FIRST_OP } else { NEXT_OP }, 4) {
        let at = tokens.at();
        let kind = kind as u8;
        let op = if kind == LEFT || kind == RIGHT {
            Op::new(kind, tokens.expect_family(AMOUNT, wide, "an amount below n")? as u8, 0)
        } else {
            let i = tokens.expect_family(ARG_1, wide, "a place within the state")? as u8;
            let j = tokens.expect_family(ARG_2, wide, "a place within the state")? as u8;
            Op::new(kind, i, j)
        };
        if op.a == op.b || (kind == REVERSE && op.a > op.b) {
            return Err(Flaw::at(at, "a rotation by 0, a swap of one place, or a descending reverse"));
        }
        ops.push(op);
    }
    let allowed = rules.map_or(Span::new(1, u32::MAX), |task| task.params.num_ops);
    if !allowed.contains(ops.len() as u32) {
        return tokens.fail(format!("{} operations; allowed: {}..={}", ops.len(), allowed.lo, allowed.hi));
    }
    Ok(ops)
}
