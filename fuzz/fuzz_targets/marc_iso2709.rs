#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::marc_iso2709(data));
