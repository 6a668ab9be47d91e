//! Single calls to the server, in terms of files.

use std::time::SystemTime;

use smb2::{
    Error, FileAttributes, FileTimes, RenameOptions,
    client::CompoundOp,
    msg::{
        close::CloseRequest,
        create::{
            CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess,
        },
        flush::FlushRequest,
        query_info::{InfoType, QueryInfoRequest, QueryInfoResponse},
        read::{ReadRequest, ReadResponse, SMB2_CHANNEL_NONE},
        set_info::SetInfoRequest,
        write::{WriteRequest, WriteResponse},
    },
    pack::{FileTime, Pack, ReadCursor, Unpack},
    types::{Command, CreditCharge, FileId, OplockLevel, flags::FileAccessMask, status::NtStatus},
};

use crate::remote::Live;

const DIRECTORY_FILE: u32 = 0x0000_0001;
const NON_DIRECTORY_FILE: u32 = 0x0000_0040;
const INTERNAL_INFORMATION: u8 = 6;
const DISPOSITION_INFORMATION: u8 = 13;
const END_OF_FILE_INFORMATION: u8 = 20;
const NETWORK_OPEN_INFORMATION: u8 = 34;
/// Where the data of a write begins, counted from the header.
const WRITE_DATA_OFFSET: u16 = 0x70;
/// One credit pays for so many bytes.
const CREDIT_BYTES: usize = 64 << 10;

/// What the server tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) is_directory: bool,
    pub(crate) is_read_only: bool,
    pub(crate) size: u64,
    pub(crate) allocated: u64,
    pub(crate) accessed: SystemTime,
    pub(crate) modified: SystemTime,
    pub(crate) changed: SystemTime,
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It must be there.
    Existing,
    /// It is made if it is not there.
    MayCreate,
    /// It must not be there.
    MustCreate,
}

/// What may be done with an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

impl Access {
    fn mask(self) -> FileAccessMask {
        let mut mask = FileAccessMask::FILE_READ_ATTRIBUTES | FileAccessMask::SYNCHRONIZE;
        if self.reads {
            mask |= FileAccessMask::FILE_READ_DATA;
        }
        if self.writes {
            mask |= FileAccessMask::FILE_WRITE_DATA | FileAccessMask::FILE_WRITE_ATTRIBUTES;
        }
        FileAccessMask::new(mask)
    }
}

type Result<T> = std::result::Result<T, Error>;

impl Live {
    /// What is at a path; the share itself is the empty one.
    pub(crate) async fn attributes(&self, path: &str) -> Result<Attributes> {
        let access = Access { reads: false, writes: false };
        let open = request(path, access.mask(), CreateDisposition::FileOpen, 0);
        let close = CloseRequest { flags: 0, file_id: FileId::SENTINEL };
        let tree = Some(self.tree.tree_id);
        let calls = [
            CompoundOp::new(Command::Create, &open, tree),
            CompoundOp::new(Command::Close, &close, tree),
        ];
        let frames = self.connection().execute_compound(&calls).await?;
        let first = frames.into_iter().next().unwrap_or(Err(Error::Disconnected))?;
        let opened: CreateResponse = answer(Command::Create, first.header.status, &first.body)?;
        Ok(of_opened(&opened))
    }

    /// Opens a file.
    pub(crate) async fn open(
        &self,
        path: &str,
        access: Access,
        how: Opening,
    ) -> Result<(FileId, Attributes)> {
        let disposition = match how {
            Opening::Existing => CreateDisposition::FileOpen,
            Opening::MayCreate => CreateDisposition::FileOpenIf,
            Opening::MustCreate => CreateDisposition::FileCreate,
        };
        let open = request(path, access.mask(), disposition, NON_DIRECTORY_FILE);
        let opened: CreateResponse = self.ask(Command::Create, &open).await?;
        Ok((opened.file_id, of_opened(&opened)))
    }

    /// What tells an open file from all others of the share; zero where the server cannot.
    pub(crate) async fn identity(&self, file: FileId) -> Result<u64> {
        let found = self.query(file, INTERNAL_INFORMATION, 8).await?;
        Ok(found.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    /// What the server tells of an open file.
    pub(crate) async fn attributes_of(&self, file: FileId) -> Result<Attributes> {
        let found = self.query(file, NETWORK_OPEN_INFORMATION, 56).await?;
        let number = |at: usize| {
            let bytes = found.get(at..).and_then(|rest| rest.first_chunk());
            bytes.map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(|| {
                Error::invalid_data("the server told too little of an open file".to_owned())
            })
        };
        Ok(attributes(
            [FileTime(number(8)?), FileTime(number(16)?), FileTime(number(24)?)],
            [number(32)?, number(40)?],
            u32::try_from(number(48)? & 0xffff_ffff).unwrap_or_default(),
        ))
    }

    async fn query(&self, file: FileId, class: u8, length: u32) -> Result<Vec<u8>> {
        let request = QueryInfoRequest {
            info_type: InfoType::File,
            file_info_class: class,
            output_buffer_length: length,
            additional_information: 0,
            flags: 0,
            file_id: file,
            input_buffer: Vec::new(),
        };
        let found: QueryInfoResponse = self.ask(Command::QueryInfo, &request).await?;
        Ok(found.output_buffer)
    }

    /// Reads up to `length` bytes; fewer only at the end of the file.
    pub(crate) async fn read(&self, file: FileId, offset: u64, length: u32) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        while data.len() < length as usize {
            let left = length - u32::try_from(data.len()).unwrap_or(length);
            let request = ReadRequest {
                padding: 0x50,
                flags: 0,
                length: left.min(self.read_max),
                offset: offset + data.len() as u64,
                file_id: file,
                minimum_count: 0,
                channel: SMB2_CHANNEL_NONE,
                remaining_bytes: 0,
                read_channel_info: Vec::new(),
            };
            let charge = charge(request.length as usize);
            let connection = self.connection();
            let tree = Some(self.tree.tree_id);
            let frame =
                connection.execute_with_credits(Command::Read, &request, tree, charge).await?;
            if frame.header.status == NtStatus::END_OF_FILE {
                break;
            }
            let read: ReadResponse = answer(Command::Read, frame.header.status, &frame.body)?;
            let count = read.data.len();
            if count == 0 || count > request.length as usize {
                break;
            }
            if data.is_empty() {
                data = read.data;
            } else {
                data.extend(read.data);
            }
            if count < request.length as usize {
                break;
            }
        }
        Ok(data)
    }

    /// Writes all of it.
    pub(crate) async fn write(&self, file: FileId, offset: u64, data: &[u8]) -> Result<()> {
        let mut offset = offset;
        let mut left = data;
        while !left.is_empty() {
            let (now, _) = left.split_at(left.len().min(self.write_max as usize));
            let request = WriteRequest {
                data_offset: WRITE_DATA_OFFSET,
                offset,
                file_id: file,
                channel: SMB2_CHANNEL_NONE,
                remaining_bytes: 0,
                write_channel_info_offset: 0,
                write_channel_info_length: 0,
                flags: 0,
                data: now.to_vec(),
            };
            let connection = self.connection();
            let tree = Some(self.tree.tree_id);
            let charge = charge(now.len());
            let frame =
                connection.execute_with_credits(Command::Write, &request, tree, charge).await?;
            let written: WriteResponse = answer(Command::Write, frame.header.status, &frame.body)?;
            let count = (written.count as usize).min(now.len());
            if count == 0 {
                return Err(Error::invalid_data("the server wrote nothing".to_owned()));
            }
            offset += count as u64;
            left = &left[count..];
        }
        Ok(())
    }

    /// Has the server put a file's content on its disk.
    pub(crate) async fn flush(&self, file: FileId) -> Result<()> {
        self.tell(Command::Flush, &FlushRequest { file_id: file }).await
    }

    /// Makes a file longer or shorter.
    pub(crate) async fn resize(&self, file: FileId, size: u64) -> Result<()> {
        self.set(file, END_OF_FILE_INFORMATION, size.to_le_bytes().to_vec()).await
    }

    /// Has an open file removed when nobody has it open any more.
    pub(crate) async fn remove_when_closed(&self, file: FileId) -> Result<()> {
        self.set(file, DISPOSITION_INFORMATION, vec![1]).await
    }

    async fn set(&self, file: FileId, class: u8, buffer: Vec<u8>) -> Result<()> {
        let request = SetInfoRequest {
            info_type: InfoType::File,
            file_info_class: class,
            additional_information: 0,
            file_id: file,
            buffer,
        };
        self.tell(Command::SetInfo, &request).await
    }

    /// Closes an open file.
    pub(crate) async fn close(&self, file: FileId) -> Result<()> {
        self.tree.close_handle(&mut self.connection(), file).await
    }

    /// Sets the times of an open file, or of what is at a path.
    pub(crate) async fn set_times(
        &self,
        file: Option<FileId>,
        path: &str,
        times: FileTimes,
    ) -> Result<()> {
        let mut connection = self.connection();
        match file {
            Some(file) => self.tree.set_handle_times(&mut connection, file, times).await,
            None => self.tree.set_times(&mut connection, path, times).await,
        }
    }

    /// Renames; what has the name already is replaced if it may be.
    pub(crate) async fn rename(&self, from: &str, to: &str, may_replace: bool) -> Result<()> {
        let options = RenameOptions::new().replace_if_exists(may_replace);
        self.tree.rename_with(&mut self.connection(), from, to, options).await
    }

    /// Opens a file to be removed.
    pub(crate) async fn open_to_remove(&self, path: &str) -> Result<FileId> {
        let mask = FileAccessMask::new(FileAccessMask::DELETE | FileAccessMask::SYNCHRONIZE);
        let open = request(path, mask, CreateDisposition::FileOpen, NON_DIRECTORY_FILE);
        let opened: CreateResponse = self.ask(Command::Create, &open).await?;
        Ok(opened.file_id)
    }

    /// Makes a directory, which must not be there.
    pub(crate) async fn make_directory(&self, path: &str) -> Result<Attributes> {
        let access = Access { reads: false, writes: false };
        let open = request(path, access.mask(), CreateDisposition::FileCreate, DIRECTORY_FILE);
        let opened: CreateResponse = self.ask(Command::Create, &open).await?;
        self.close(opened.file_id).await?;
        Ok(of_opened(&opened))
    }

    async fn ask<T: Unpack>(&self, command: Command, request: &dyn Pack) -> Result<T> {
        let tree = Some(self.tree.tree_id);
        let frame = self.connection().execute(command, request, tree).await?;
        answer(command, frame.header.status, &frame.body)
    }

    async fn tell(&self, command: Command, request: &dyn Pack) -> Result<()> {
        let tree = Some(self.tree.tree_id);
        let frame = self.connection().execute(command, request, tree).await?;
        accepted(command, frame.header.status)
    }
}

/// What a call costs that moves so many bytes.
fn charge(bytes: usize) -> CreditCharge {
    CreditCharge(u16::try_from(bytes.div_ceil(CREDIT_BYTES).max(1)).unwrap_or(u16::MAX))
}

fn accepted(command: Command, status: NtStatus) -> Result<()> {
    if status == NtStatus::SUCCESS { Ok(()) } else { Err(Error::Protocol { status, command }) }
}

fn answer<T: Unpack>(command: Command, status: NtStatus, body: &[u8]) -> Result<T> {
    accepted(command, status)?;
    T::unpack(&mut ReadCursor::new(body))
}

/// All others may read, write and remove it meanwhile, as with files of Linux.
fn request(
    path: &str,
    access: FileAccessMask,
    disposition: CreateDisposition,
    options: u32,
) -> CreateRequest {
    let everybody = ShareAccess::FILE_SHARE_READ
        | ShareAccess::FILE_SHARE_WRITE
        | ShareAccess::FILE_SHARE_DELETE;
    CreateRequest {
        requested_oplock_level: OplockLevel::None,
        impersonation_level: ImpersonationLevel::Impersonation,
        desired_access: access,
        file_attributes: if options == DIRECTORY_FILE {
            FileAttributes::DIRECTORY
        } else {
            FileAttributes::NORMAL
        },
        share_access: ShareAccess(everybody),
        create_disposition: disposition,
        create_options: options,
        name: smb2::encode_path(path),
        create_contexts: Vec::new(),
    }
}

fn of_opened(opened: &CreateResponse) -> Attributes {
    attributes(
        [opened.last_access_time, opened.last_write_time, opened.change_time],
        [opened.allocation_size, opened.end_of_file],
        opened.file_attributes,
    )
}

/// A server's time; one that cannot be is the epoch.
pub(crate) fn system_time(time: FileTime) -> SystemTime {
    time.to_system_time().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Times: access, write, change; sizes: on the disk, of the content.
fn attributes(times: [FileTime; 3], sizes: [u64; 2], flags: u32) -> Attributes {
    let [accessed, modified, changed] = times.map(system_time);
    let [allocated, size] = sizes;
    Attributes {
        is_directory: flags & FileAttributes::DIRECTORY != 0,
        is_read_only: flags & FileAttributes::READONLY != 0,
        size,
        allocated,
        accessed,
        modified,
        changed,
    }
}
