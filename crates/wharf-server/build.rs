//! The portal's files are embedded: what is built anew must be seen. Nothing is built here.

fn main() {
    println!("cargo:rerun-if-changed=../../portal/dist");
    println!("cargo:rerun-if-changed=build.rs");
}
