//! A guest of 512 bytes: a boot sector that greets on the serial port, obeys the power button, reboots itself when an `r` is typed and
//! switches itself off when a `p` is. And the image store it comes from.

use std::path::Path;

use freehold_proto::internal::image::image_store_server::{ImageStore, ImageStoreServer};
use freehold_proto::internal::image::{
    Block, BlockRef, DeleteManifestRequest, DeleteManifestResponse, GetBlocksRequest, GetManifestRequest, ListManifestsRequest,
    ListManifestsResponse, Manifest, PutManifestRequest, PutManifestResponse,
};
use tonic::{Request, Response, Status, Streaming};

pub const GREETING: &str = "the guest is up";

const IMAGE_BYTES: u64 = 1 << 20;
const BLOCK_BYTES: usize = 512 << 10;

fn boot_sector() -> Vec<u8> {
    #[rustfmt::skip]
    let mut code = vec![
        0xfa, 0x31, 0xc0, 0x8e, 0xd8,       // cli; xor ax,ax; mov ds,ax
        0xba, 0x02, 0x06, 0xb8, 0x00, 0x01, // mov dx,PM1_EN; mov ax,PWRBTN_EN
        0xef,                               // out dx,ax
        0xbe, 0x00, 0x00,                   // mov si,greeting         (filled in below)
        0xac, 0x84, 0xc0, 0x74, 0x06,       // print: lodsb; test al,al; jz wait
        0xba, 0xf8, 0x03, 0xee,             //        mov dx,COM1; out dx,al
        0xeb, 0xf5,                         //        jmp print
        0xba, 0x00, 0x06, 0xed,             // wait:  mov dx,PM1_STS; in ax,dx
        0xf6, 0xc4, 0x01, 0x75, 0x14,       //        test ah,PWRBTN_STS; jnz off
        0xba, 0xfd, 0x03, 0xec,             //        mov dx,COM1.LSR; in al,dx
        0xa8, 0x01, 0x74, 0xef,             //        test al,ready; jz wait
        0xba, 0xf8, 0x03, 0xec,             //        mov dx,COM1; in al,dx
        0x3c, 0x72, 0x74, 0x0d,             //        cmp al,'r'; je reset
        0x3c, 0x70, 0x75, 0xe3,             //        cmp al,'p'; jne wait
        0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, // off:   mov dx,PM1_CNT; mov ax,SLP_EN
        0xef, 0xeb, 0xfe,                   //        out dx,ax; jmp $
        0xba, 0xf9, 0x0c, 0xb0, 0x06,       // reset: mov dx,RST_CNT; mov al,full reset
        0xee, 0xeb, 0xfe,                   //        out dx,al; jmp $
    ];
    let greeting = u16::try_from(0x7c00 + code.len()).unwrap().to_le_bytes();
    code[13..15].copy_from_slice(&greeting);
    code.extend_from_slice(GREETING.as_bytes());
    code.extend_from_slice(b"\r\n\0");
    code.resize(510, 0);
    code.extend_from_slice(&[0x55, 0xaa]);
    code
}

fn block() -> Vec<u8> {
    let mut block = boot_sector();
    block.resize(BLOCK_BYTES, 0);
    block
}

fn hash() -> [u8; 32] {
    *blake3::hash(&block()).as_bytes()
}

/// The image's id, as the store names it.
pub fn manifest() -> String {
    let mut canonical = b"freehold-manifest-1\n".to_vec();
    canonical.extend_from_slice(&IMAGE_BYTES.to_le_bytes());
    canonical.extend_from_slice(&1_u32.to_le_bytes());
    canonical.extend_from_slice(&0_u32.to_le_bytes());
    canonical.extend_from_slice(&hash());
    blake3::hash(&canonical).to_hex().to_string()
}

struct Store;

#[tonic::async_trait]
impl ImageStore for Store {
    type GetBlocksStream = tokio_stream::Iter<std::vec::IntoIter<Result<Block, Status>>>;

    async fn get_manifest(&self, _: Request<GetManifestRequest>) -> Result<Response<Manifest>, Status> {
        let blocks = vec![BlockRef { index: 0, hash: hash().to_vec().into() }];
        Ok(Response::new(Manifest { manifest: manifest(), size_bytes: IMAGE_BYTES, blocks }))
    }

    async fn get_blocks(&self, _: Request<GetBlocksRequest>) -> Result<Response<Self::GetBlocksStream>, Status> {
        Ok(Response::new(tokio_stream::iter(vec![Ok(Block { index: 0, data: block().into() })])))
    }

    async fn put_manifest(&self, _: Request<Streaming<PutManifestRequest>>) -> Result<Response<PutManifestResponse>, Status> {
        Err(Status::unimplemented("only read here"))
    }

    async fn list_manifests(&self, _: Request<ListManifestsRequest>) -> Result<Response<ListManifestsResponse>, Status> {
        Err(Status::unimplemented("only read here"))
    }

    async fn delete_manifest(&self, _: Request<DeleteManifestRequest>) -> Result<Response<DeleteManifestResponse>, Status> {
        Err(Status::unimplemented("only read here"))
    }
}

/// Serves the image for as long as the runtime lives.
pub fn serve_image(socket: &Path) {
    let listener = freehold_link::unix::bind(socket).unwrap();
    let routes = tonic::service::Routes::new(ImageStoreServer::new(Store));
    tokio::spawn(async move { freehold_link::unix::serve(listener, routes, std::future::pending()).await });
}
