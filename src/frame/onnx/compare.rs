//! Comparisons and choices between columns, with SQL's nulls and its order of numbers: NaN equals itself and is the
//! greatest. It does not know expressions.

use super::{
    Inexpressible,
    columns::Cell,
    graph::{Elem, Graph, Tensor},
};
use crate::frame::expr::{ast::Cmp, types::Ty};

/// Compares the values of two columns of one type, wherever they are; what is not there compares anyhow.
///
/// # Errors
/// If texts are put in order.
pub fn compare(cmp: Cmp, a: &Cell, b: &Cell, graph: &mut Graph) -> Result<Tensor, Inexpressible> {
    Ok(match cmp {
        Cmp::Eq => equal(a, b, graph)?,
        Cmp::Ne => {
            let equal = equal(a, b, graph)?;
            graph.not(&equal)
        }
        Cmp::Lt => less(a, b, graph)?,
        Cmp::Gt => less(b, a, graph)?,
        Cmp::Le => {
            let greater = less(b, a, graph)?;
            graph.not(&greater)
        }
        Cmp::Ge => {
            let less = less(a, b, graph)?;
            graph.not(&less)
        }
    })
}

fn equal(a: &Cell, b: &Cell, graph: &mut Graph) -> Result<Tensor, Inexpressible> {
    known(a.ty)?;
    let equal = graph.op("Equal", &[&a.value, &b.value]);
    if !(a.may_be_nan && b.may_be_nan) {
        return Ok(equal);
    }
    let (a, b) = (graph.op("IsNaN", &[&a.value]), graph.op("IsNaN", &[&b.value]));
    let both = graph.op("And", &[&a, &b]);
    Ok(graph.op("Or", &[&equal, &both]))
}

fn less(a: &Cell, b: &Cell, graph: &mut Graph) -> Result<Tensor, Inexpressible> {
    known(a.ty)?;
    let number = |cell: &Cell, graph: &mut Graph| match cell.ty {
        Ty::Text => Err(Inexpressible::new("there is no operator that puts texts in order")),
        Ty::Bool => Ok(graph.cast(&cell.value, Elem::Double)),
        _ => Ok(cell.value.clone()),
    };
    let (x, y) = (number(a, graph)?, number(b, graph)?);
    let less = graph.op("Less", &[&x, &y]);
    if !b.may_be_nan {
        return Ok(less);
    }
    let greatest = graph.op("IsNaN", &[&y]);
    let is_greatest = graph.op("IsNaN", &[&x]);
    let is_not = graph.not(&is_greatest);
    let other = graph.op("And", &[&greatest, &is_not]);
    Ok(graph.op("Or", &[&less, &other]))
}

fn known(ty: Ty) -> Result<(), Inexpressible> {
    match ty {
        Ty::Interval => Err(Inexpressible::new("there is no operator for intervals")),
        _ => Ok(()),
    }
}

/// Returns `a` where the condition is true, else `b`.
pub fn choose(condition: &Tensor, a: &Cell, b: &Cell, graph: &mut Graph) -> Cell {
    let value = either(condition, &a.value, &b.value, a.ty == Ty::Bool, graph);
    let present = match (&a.present, &b.present) {
        (None, None) => None,
        (a, b) => {
            let all = graph.truth(true);
            let (a, b) = (a.clone().unwrap_or(all.clone()), b.clone().unwrap_or(all));
            Some(either(condition, &a, &b, true, graph))
        }
    };
    Cell { ty: a.ty, value, present, may_be_nan: a.may_be_nan || b.may_be_nan }
}

/// onnxruntime has no `Where` of truth values.
fn either(condition: &Tensor, a: &Tensor, b: &Tensor, truths: bool, graph: &mut Graph) -> Tensor {
    if !truths {
        return graph.op("Where", &[condition, a, b]);
    }
    let not = graph.not(condition);
    let (a, b) = (graph.op("And", &[condition, a]), graph.op("And", &[&not, b]));
    graph.op("Or", &[&a, &b])
}
