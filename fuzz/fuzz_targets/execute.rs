#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| binlogd_fuzz_bodies::execute(data));
