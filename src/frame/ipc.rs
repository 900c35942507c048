//! Arrow IPC, files and streams, from bytes in memory. It does not know what becomes of the columns.
//!
//! The crate's own readers take the lengths in a file at their word and ask for that much memory before they read a byte, and
//! memory that is not there ends the program. So the parts are cut out here, and what is packed is asked beforehand
//! how much it claims to be.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    buffer::Buffer,
    compute,
    error::ArrowError,
    ipc::{
        Block, Message, convert,
        reader::{FileDecoder, StreamDecoder, read_footer_length},
        root_as_footer, root_as_message,
    },
};
use bytes::Bytes;

use crate::frame::{FrameError, growth::Growth};

/// Bytes at the end of a file: the footer's length and the magic.
const TRAILER: usize = 10;

/// What stands before a message: a mark, and its length.
const MARK: [u8; 4] = [0xFF; 4];

/// The length of a packed buffer that is not packed.
const NOT_PACKED: i64 = -1;

/// Reads all batches of a file.
///
/// # Errors
/// If the bytes are damaged or unfold to too much.
pub fn read_file(bytes: Bytes) -> Result<RecordBatch, FrameError> {
    let mut growth = Growth::of_file(bytes.len() as u64);
    let mut claims = Growth::of_file(bytes.len() as u64);
    let buffer = Buffer::from(bytes);
    let (rest, trailer) = buffer.split_last_chunk::<TRAILER>().ok_or_else(cut_short)?;
    let length = read_footer_length(*trailer)?;
    let start = rest.len().checked_sub(length).ok_or_else(cut_short)?;
    let footer = root_as_footer(&rest[start..]).map_err(|e| broken(&e.to_string()))?;
    let schema = footer.schema().ok_or_else(|| broken("it has no schema"))?;
    let schema = Arc::new(convert::fb_to_schema(schema));
    let mut decoder = FileDecoder::new(schema.clone(), footer.version());
    for block in footer.dictionaries().iter().flatten() {
        let part = part(&buffer, block)?;
        check_part(&part, block, &mut claims)?;
        decoder.read_dictionary(block, &part)?;
    }
    let mut batches = Vec::new();
    for block in footer.recordBatches().iter().flatten() {
        let part = part(&buffer, block)?;
        check_part(&part, block, &mut claims)?;
        if let Some(batch) = decoder.read_record_batch(block, &part)? {
            growth.add_batch(&batch)?;
            batches.push(batch);
        }
    }
    Ok(compute::concat_batches(&schema, &batches)?)
}

/// Reads all batches of a stream.
///
/// # Errors
/// As [`read_file`].
pub fn read_stream(bytes: Bytes) -> Result<RecordBatch, FrameError> {
    let mut growth = Growth::of_file(bytes.len() as u64);
    let mut buffer = Buffer::from(bytes);
    check_stream(&buffer, &mut Growth::of_file(buffer.len() as u64))?;
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while !buffer.is_empty() {
        let before = buffer.len();
        let batch = decoder.decode(&mut buffer)?;
        if let Some(batch) = batch {
            growth.add_batch(&batch)?;
            batches.push(batch);
        } else if buffer.len() == before {
            return Err(cut_short());
        }
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or_else(|| broken("it has no schema"))?;
    Ok(compute::concat_batches(&schema, &batches)?)
}

/// Cuts a message with its body out of a file.
fn part(buffer: &Buffer, block: &Block) -> Result<Buffer, FrameError> {
    let number = |n: i64| usize::try_from(n).map_err(|_| broken("a length is below zero"));
    let offset = number(block.offset())?;
    let length = number(block.bodyLength())?
        .checked_add(number(i64::from(block.metaDataLength()))?)
        .and_then(|length| (offset.checked_add(length)? <= buffer.len()).then_some(length));
    Ok(buffer.slice_with_length(offset, length.ok_or_else(cut_short)?))
}

/// Takes in how much the packed buffers of a message claim to be, found as the decoder finds them: the message's own length
/// is not looked at, the block tells where the body starts.
fn check_part(part: &[u8], block: &Block, claims: &mut Growth) -> Result<(), FrameError> {
    let skip = if part.starts_with(&MARK) { 2 * MARK.len() } else { MARK.len() };
    let message = root_as_message(part.get(skip..).unwrap_or_default());
    let message = message.map_err(|e| broken(&e.to_string()))?;
    let body = usize::try_from(block.metaDataLength()).ok().and_then(|at| part.get(at..));
    check_message(&message, body.ok_or_else(cut_short)?, claims)
}

fn check_stream(mut rest: &[u8], claims: &mut Growth) -> Result<(), FrameError> {
    while let Some((message, after)) = split(rest) {
        check_message(&message, after, claims)?;
        let length = usize::try_from(message.bodyLength()).map_err(|_| cut_short())?;
        rest = after.get(length..).ok_or_else(cut_short)?;
    }
    Ok(())
}

/// Splits a message from what follows it; `None` at the end, or for what is no message.
fn split(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let bytes = bytes.strip_prefix(&MARK).unwrap_or(bytes);
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (message, after) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((root_as_message(message).ok()?, after))
}

fn check_message(
    message: &Message<'_>,
    body: &[u8],
    claims: &mut Growth,
) -> Result<(), FrameError> {
    let dictionary = message.header_as_dictionary_batch().and_then(|d| d.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else { return Ok(()) };
    if batch.compression().is_none() {
        return Ok(());
    }
    for packed in batch.buffers().iter().flatten() {
        let start = usize::try_from(packed.offset()).ok();
        let claimed = start.and_then(|at| body.get(at..)?.first_chunk::<8>());
        match claimed.map(|bytes| i64::from_le_bytes(*bytes)) {
            Some(NOT_PACKED) | None => {}
            Some(claimed) => {
                let claimed =
                    u64::try_from(claimed).map_err(|_| broken("a length is below zero"))?;
                claims.add(usize::try_from(claimed).unwrap_or(usize::MAX))?;
            }
        }
    }
    Ok(())
}

fn broken(why: &str) -> FrameError {
    FrameError::Damaged(why.to_string())
}

fn cut_short() -> FrameError {
    FrameError::Arrow(ArrowError::IpcError("the file ends before its parts do".to_string()))
}
