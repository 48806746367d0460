//! A message on a stream: four bytes of length, big endian, then that many bytes.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response::Codec};

/// Reads and writes messages of bounded size.
#[derive(Debug, Clone)]
pub(super) struct FrameCodec {
    max_bytes: usize,
}

impl FrameCodec {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes }
    }

    async fn read<T>(&self, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut length = [0; 4];
        io.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length);
        if usize::try_from(length).map_or(true, |l| l > self.max_bytes) {
            return Err(too_large(length, self.max_bytes));
        }
        // The buffer grows with what really arrives: an announced length alone costs nothing.
        let mut body = Vec::new();
        let read = io.take(length.into()).read_to_end(&mut body).await?;
        if read < usize::try_from(length).unwrap_or(usize::MAX) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(body)
    }

    async fn write<T>(&self, io: &mut T, body: &[u8]) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if body.len() > self.max_bytes {
            return Err(too_large(length, self.max_bytes));
        }
        io.write_all(&length.to_be_bytes()).await?;
        io.write_all(body).await?;
        io.flush().await
    }
}

fn too_large(length: u32, max: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a message of {length} bytes, at most {max} are allowed"),
    )
}

impl Codec for FrameCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, &request).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, &response).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn a_message_comes_out_as_it_went_in() {
        let codec = FrameCodec::new(5);
        for body in [&b""[..], b"x", b"12345"] {
            let mut wire = Cursor::new(Vec::new());
            codec.write(&mut wire, body).await.unwrap();
            let mut wire = Cursor::new(wire.into_inner());
            assert_eq!(codec.read(&mut wire).await.unwrap(), body);
        }
    }

    #[tokio::test]
    async fn a_message_over_the_limit_is_neither_written_nor_read() {
        let codec = FrameCodec::new(5);
        let mut wire = Cursor::new(Vec::new());
        let error = codec.write(&mut wire, b"123456").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(wire.into_inner().is_empty());

        for announced in [6, u32::MAX] {
            let mut wire = Cursor::new(announced.to_be_bytes().to_vec());
            let error = codec.read(&mut wire).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn a_message_cut_short_is_an_error() {
        let codec = FrameCodec::new(100);
        for wire in [&[][..], &[0, 0], &[0, 0, 0, 3, 1, 2]] {
            let mut wire = Cursor::new(wire.to_vec());
            let error = codec.read(&mut wire).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
