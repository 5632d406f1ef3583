//! Runs the targets on the stored inputs, without a nightly toolchain.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that can not go on fails")]

use std::path::Path;

#[test]
fn corpus_of_each_target_is_read_without_a_finding() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in fuzzing::TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&std::fs::read(path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no inputs");
        target(b"");
    }
}
