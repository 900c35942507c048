//! Files for people, outside the store: written beside their place and renamed, so that none is ever half
//! there. It does not know what is in them.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    app::AppError,
    frame::{
        Table,
        export::{self, Format},
        table::FrameError,
    },
};

/// Bytes kept back before they are written.
const BUFFER: usize = 1 << 20;

/// A file being written. What was there stays until the new one is whole; dropped, it leaves nothing.
pub struct NewFile {
    sink: BufWriter<File>,
    path: PathBuf,
    /// `None` for what cannot be replaced by renaming: a pipe, `/dev/stdout`.
    temp: Option<PathBuf>,
}

impl NewFile {
    /// Opens a file for `path`, whose folder is made if need be.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn create(path: &Path) -> Result<NewFile, AppError> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(AppError::io("create", folder))?;
        }
        let special = fs::metadata(path).is_ok_and(|m| !m.is_file());
        let temp = (!special).then(|| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!(".{name}.{}.part", std::process::id()))
        });
        let place = temp.as_deref().unwrap_or(path);
        let file = File::create(place).map_err(AppError::io("write", path))?;
        let sink = BufWriter::with_capacity(BUFFER, file);
        Ok(NewFile { sink, path: path.to_path_buf(), temp })
    }

    /// Returns another handle of the file, for whoever must own one.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn handle(&self) -> Result<BufWriter<File>, AppError> {
        let file = self.sink.get_ref().try_clone().map_err(AppError::io("write", &self.path))?;
        Ok(BufWriter::with_capacity(BUFFER, file))
    }

    /// Returns where to write.
    pub fn sink(&mut self) -> &mut (dyn Write + Send) {
        &mut self.sink
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// If the medium refuses.
    pub fn keep(mut self) -> Result<(), AppError> {
        self.sink.flush().map_err(AppError::io("write", &self.path))?;
        if let Some(temp) = &self.temp {
            // Some file systems remember a new name before the bytes, and the old file would be gone.
            self.sink.get_ref().sync_data().map_err(AppError::io("write", &self.path))?;
            fs::rename(temp, &self.path).map_err(AppError::io("write", &self.path))?;
        }
        self.temp = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temp) = &self.temp {
            // The error that led here is the one to tell.
            let _ = fs::remove_file(temp);
        }
    }
}

/// Writes a table into a file whose ending says how.
///
/// # Errors
/// If the ending is unknown or the medium refuses; there is no file then, or the old one.
pub fn table(table: &Table, path: &Path) -> Result<(), AppError> {
    let format = format(path)?;
    let mut file = NewFile::create(path)?;
    export::write(table, format, file.sink()).map_err(|error| {
        let error = match error {
            FrameError::Io(error) => error,
            other => std::io::Error::other(other),
        };
        AppError::io("write", path)(error)
    })?;
    file.keep()
}

/// Writes bytes into a file.
///
/// # Errors
/// If the medium refuses; there is no file then, or the old one.
pub fn bytes(bytes: &[u8], path: &Path) -> Result<(), AppError> {
    let mut file = NewFile::create(path)?;
    file.sink().write_all(bytes).map_err(AppError::io("write", path))?;
    file.keep()
}

/// Returns the format that a file's ending asks for.
///
/// # Errors
/// If it asks for none.
pub fn format(path: &Path) -> Result<Format, AppError> {
    Format::of_path(path).ok_or_else(|| {
        let name = path.display();
        AppError::Usage(format!("`{name}`: a table is written as {}", Format::ENDINGS))
    })
}
