//! A graph that is being written: operators, constants, what goes in and what comes out. It does not know what the tensors
//! stand for.

use std::collections::HashMap;

use prost::Message;

use super::proto::{
    AttributeProto, Dimension, Entry, Extent, GraphProto, Model, Node, OperatorSet, Shape,
    TensorProto, TensorType, TypeProto, ValueInfo,
};

/// The version of the format.
const IR_VERSION: i64 = 10;
/// The version of the standard operators: the first one that splits and matches texts.
const OPERATORS: i64 = 20;
/// The version of the operators of machine learning: the first one with trees in double precision.
const LEARNING: i64 = 5;
/// The set of the latter.
const LEARNING_DOMAIN: &str = "ai.onnx.ml";

/// The types of elements, by their numbers in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elem {
    /// Single precision.
    Float = 1,
    /// Bytes.
    Byte = 2,
    /// Whole numbers.
    Int = 7,
    /// Texts.
    Text = 8,
    /// Truth values.
    Bool = 9,
    /// Double precision.
    Double = 11,
}

/// A tensor of the graph, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor(String);

/// A setting of an operator.
pub enum Attribute {
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Numbers in double precision, as a tensor.
    Doubles(Vec<f64>),
    /// Numbers in single precision, as a tensor.
    Floats(Vec<f32>),
    /// Bytes, as a tensor.
    Bytes(Vec<u8>),
}

/// A graph that is being written.
#[derive(Default)]
pub struct Graph {
    graph: GraphProto,
    /// Constants that are there already, by what they hold.
    known: HashMap<(Vec<i64>, i32, Vec<u8>), Tensor>,
    n_names: usize,
}

impl Graph {
    /// Adds what the graph takes: one element a row, of shape `[rows, 1]`. Returns it with shape `[rows]`.
    pub fn input(&mut self, name: &str, elem: Elem, about: &str) -> Tensor {
        self.graph.input.push(value_info(name, elem, Some(1), about));
        let flat = self.ints(&[1], &[-1]);
        self.op("Reshape", &[&Tensor(name.to_string()), &flat])
    }

    /// Adds what the graph gives: one element a row, or `width` of them. Where an input is called so already, a `_` is put
    /// after its name.
    pub fn output(&mut self, name: &str, elem: Elem, width: Option<i64>, from: &Tensor) {
        let mut name = name.to_string();
        while !self.is_free(&name) {
            name.push('_');
        }
        let node = Node {
            input: vec![from.0.clone()],
            output: vec![name.clone()],
            op_type: "Identity".to_string(),
            ..Node::default()
        };
        self.graph.node.push(node);
        self.graph.output.push(value_info(&name, elem, width, ""));
    }

    /// Adds a standard operator without settings.
    pub fn op(&mut self, op: &str, inputs: &[&Tensor]) -> Tensor {
        self.op_with(op, inputs, vec![])
    }

    /// Adds a standard operator.
    pub fn op_with(
        &mut self,
        op: &str,
        inputs: &[&Tensor],
        settings: Vec<(&str, Attribute)>,
    ) -> Tensor {
        self.node("", op, inputs, settings)
    }

    /// Adds an operator of machine learning.
    pub fn learned(
        &mut self,
        op: &str,
        inputs: &[&Tensor],
        settings: Vec<(&str, Attribute)>,
    ) -> Tensor {
        self.node(LEARNING_DOMAIN, op, inputs, settings)
    }

    fn node(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&Tensor],
        settings: Vec<(&str, Attribute)>,
    ) -> Tensor {
        let result = self.name();
        self.graph.node.push(Node {
            input: inputs.iter().map(|tensor| tensor.0.clone()).collect(),
            output: vec![result.0.clone()],
            op_type: op.to_string(),
            attribute: settings.into_iter().map(|(name, value)| value.named(name)).collect(),
            domain: domain.to_string(),
        });
        result
    }

    /// Adds an operator on a tensor and a constant number.
    pub fn with(&mut self, op: &str, a: &Tensor, number: f64) -> Tensor {
        let number = self.double(number);
        self.op(op, &[a, &number])
    }

    /// Splits texts at a delimiter: a row of parts for each. They have at least as many parts as `sample`.
    pub fn split(&mut self, texts: &Tensor, delimiter: &str, sample: &str) -> Tensor {
        let axis = || vec![("axis", Attribute::Int(0))];
        // The sample goes last and is cut off again: without any text there would be no parts to take.
        let sample = self.texts(&[1], &[sample]);
        let longer = self.op_with("Concat", &[texts, &sample], axis());
        let delimiter = vec![("delimiter", Attribute::Text(delimiter.to_string()))];
        let parts = self.op_with("StringSplit", &[&longer], delimiter);
        let count = self.name();
        if let Some(node) = self.graph.node.last_mut() {
            node.output.push(count.0);
        }
        let (start, end) = (self.ints(&[1], &[0]), self.ints(&[1], &[-1]));
        self.op("Slice", &[&parts, &start, &end, &start])
    }

    /// Returns element `index` of each row.
    pub fn nth(&mut self, rows: &Tensor, index: i64) -> Tensor {
        let index = self.ints(&[], &[index]);
        self.op_with("Gather", &[rows, &index], vec![("axis", Attribute::Int(1))])
    }

    /// Tells which texts a pattern of RE2 matches as a whole.
    pub fn matches(&mut self, texts: &Tensor, pattern: &str) -> Tensor {
        let pattern = Attribute::Text(pattern.to_string());
        self.op_with("RegexFullMatch", &[texts], vec![("pattern", pattern)])
    }

    /// Names are numbered, and begin as no column's input is likely to; inputs that do all the same are told apart by
    /// [`Graph::is_free`].
    fn name(&mut self) -> Tensor {
        self.n_names += 1;
        Tensor(format!("_{}", self.n_names))
    }

    /// Returns true if an input or output may be called so.
    pub fn is_free(&self, name: &str) -> bool {
        let own = name.strip_prefix('_').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let taken = self.graph.input.iter().chain(&self.graph.output).any(|v| v.name == name);
        !name.is_empty() && !own && !taken
    }

    /// Casts a tensor.
    pub fn cast(&mut self, tensor: &Tensor, to: Elem) -> Tensor {
        self.op_with("Cast", &[tensor], vec![("to", Attribute::Int(to as i64))])
    }

    /// Returns a constant number.
    pub fn double(&mut self, value: f64) -> Tensor {
        self.doubles(&[], &[value])
    }

    /// Returns constant numbers.
    pub fn doubles(&mut self, dims: &[i64], values: &[f64]) -> Tensor {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(dims, Elem::Double, bytes)
    }

    /// Returns constant numbers in single precision.
    pub fn floats(&mut self, dims: &[i64], values: &[f32]) -> Tensor {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(dims, Elem::Float, bytes)
    }

    /// Returns constant whole numbers.
    pub fn ints(&mut self, dims: &[i64], values: &[i64]) -> Tensor {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(dims, Elem::Int, bytes)
    }

    /// Returns a constant truth value.
    pub fn truth(&mut self, value: bool) -> Tensor {
        self.constant(&[], Elem::Bool, vec![u8::from(value)])
    }

    /// Returns a constant text.
    pub fn text(&mut self, value: &str) -> Tensor {
        self.texts(&[], &[value])
    }

    /// Returns constant texts.
    pub fn texts(&mut self, dims: &[i64], values: &[&str]) -> Tensor {
        let name = self.name();
        self.graph.initializer.push(TensorProto {
            dims: dims.to_vec(),
            data_type: Elem::Text as i32,
            string_data: values.iter().map(|v| v.as_bytes().to_vec()).collect(),
            name: name.0.clone(),
            ..TensorProto::default()
        });
        name
    }

    fn constant(&mut self, dims: &[i64], elem: Elem, bytes: Vec<u8>) -> Tensor {
        let key = (dims.to_vec(), elem as i32, bytes);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let name = self.name();
        self.graph.initializer.push(TensorProto {
            name: name.0.clone(),
            raw_data: key.2.clone(),
            ..tensor(dims, elem)
        });
        self.known.insert(key, name.clone());
        name
    }

    /// Returns `a AND b`, where an absent one is always true.
    pub fn and(&mut self, a: &Option<Tensor>, b: &Option<Tensor>) -> Option<Tensor> {
        match (a, b) {
            (Some(a), Some(b)) if a == b => Some(a.clone()),
            (Some(a), Some(b)) => Some(self.op("And", &[a, b])),
            (a, b) => a.clone().or(b.clone()),
        }
    }

    /// Returns `NOT a`.
    pub fn not(&mut self, a: &Tensor) -> Tensor {
        self.op("Not", &[a])
    }

    /// Returns `a` with a last dimension of one more.
    pub fn upright(&mut self, a: &Tensor) -> Tensor {
        let last = self.ints(&[1], &[-1]);
        self.op("Unsqueeze", &[a, &last])
    }

    /// Returns the file's bytes.
    pub fn finish(mut self, name: &str, about: &str, told: &[(String, String)]) -> Vec<u8> {
        self.graph.name = name.to_string();
        let set = |domain: &str, version| OperatorSet { domain: domain.to_string(), version };
        let entry =
            |(key, value): &(String, String)| Entry { key: key.clone(), value: value.clone() };
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "orchestrate".to_string(),
            producer_version: env!("CARGO_PKG_VERSION").to_string(),
            doc_string: about.to_string(),
            graph: Some(self.graph),
            opset_import: vec![set("", OPERATORS), set(LEARNING_DOMAIN, LEARNING)],
            metadata_props: told.iter().map(entry).collect(),
        };
        model.encode_to_vec()
    }
}

impl Attribute {
    /// Numbers in the format say which kind of setting it is.
    fn named(self, name: &str) -> AttributeProto {
        let bytes = |text: String| text.into_bytes();
        let flat =
            |n: usize, elem, raw_data| Some(TensorProto { raw_data, ..tensor(&[n as i64], elem) });
        let mut out = AttributeProto { name: name.to_string(), ..AttributeProto::default() };
        (out.r#type, out.t) = match self {
            Attribute::Int(i) => {
                out.i = i;
                (2, None)
            }
            Attribute::Text(text) => {
                out.s = bytes(text);
                (3, None)
            }
            Attribute::Ints(ints) => {
                out.ints = ints;
                (7, None)
            }
            Attribute::Texts(texts) => {
                out.strings = texts.into_iter().map(bytes).collect();
                (8, None)
            }
            Attribute::Doubles(v) => {
                let raw = v.iter().flat_map(|v| v.to_le_bytes()).collect();
                (4, flat(v.len(), Elem::Double, raw))
            }
            Attribute::Floats(v) => {
                let raw = v.iter().flat_map(|v| v.to_le_bytes()).collect();
                (4, flat(v.len(), Elem::Float, raw))
            }
            Attribute::Bytes(v) => (4, flat(v.len(), Elem::Byte, v)),
        };
        out
    }
}

fn tensor(dims: &[i64], elem: Elem) -> TensorProto {
    TensorProto { dims: dims.to_vec(), data_type: elem as i32, ..TensorProto::default() }
}

fn value_info(name: &str, elem: Elem, width: Option<i64>, about: &str) -> ValueInfo {
    let dim = |value| Dimension { value: Some(value) };
    let rows = dim(Extent::Named("rows".to_string()));
    let shape =
        Shape { dim: [rows].into_iter().chain(width.map(|w| dim(Extent::Fixed(w)))).collect() };
    let tensor_type = Some(TensorType { elem_type: elem as i32, shape: Some(shape) });
    ValueInfo {
        name: name.to_string(),
        r#type: Some(TypeProto { tensor_type }),
        doc_string: about.to_string(),
    }
}
