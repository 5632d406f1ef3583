//! The form in which records are stored: their encoding, compressed by LZ4 with a dictionary.
//!
//! One record alone is too short to repeat itself much. The dictionary has what records of all libraries repeat.

use marc::CompactRecord;

/// The first byte of a stored record: the encoding and the dictionary. A later dictionary gets another number, and this
/// one stays for what was stored with it.
const FORM: u8 = 1;
/// The dictionary. It must never change.
const DICTIONARY: &[u8] = include_bytes!("packing/dictionary-1.bin");
/// The largest record that is unpacked, in bytes. A damaged length must not take all memory.
const LARGEST: usize = 64 << 20;

/// Packs records. It keeps its memory between them.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    encoded: Vec<u8>,
}

impl Packer {
    /// Returns the packed form of a record.
    pub(crate) fn pack(&mut self, record: &CompactRecord) -> Vec<u8> {
        self.encoded.clear();
        record.encode(&mut self.encoded);
        let most = lz4_flex::block::get_maximum_output_size(self.encoded.len());
        let mut packed = vec![0; 5 + most];
        let length = u32::try_from(self.encoded.len()).unwrap_or(u32::MAX);
        packed[0] = FORM;
        packed[1..5].copy_from_slice(&length.to_le_bytes());
        let written = lz4_flex::block::compress_into_with_dict(&self.encoded, &mut packed[5..], DICTIONARY);
        // There is room for the worst case, so it never fails.
        packed.truncate(5 + written.unwrap_or(0));
        packed.shrink_to_fit();
        packed
    }

    /// Returns the bytes of the last record before compression, for its digest.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }
}

/// Returns the record of a packed form, or what is wrong with it.
pub(crate) fn unpack(packed: &[u8]) -> Result<CompactRecord, String> {
    let (form, rest) = packed.split_first().ok_or("it is empty")?;
    if *form != FORM {
        return Err(format!("its form {form} is unknown; a newer Consort stored it"));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or("it has no length")?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > LARGEST {
        return Err(format!("its length {length} is too large"));
    }
    let bytes = lz4_flex::block::decompress_with_dict(rest, length, DICTIONARY).map_err(|error| error.to_string())?;
    CompactRecord::decode(&bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
mod tests {
    use marc::Record;

    use super::*;

    #[test]
    fn packed_record_is_unpacked_as_it_was() {
        let record = Record::builder()
            .control("008", "990802s2000    mau      b    001 0 eng  ")
            .data("245", '1', '4', [('a', "The pragmatic programmer :"), ('b', "from journeyman to master /")])
            .data("300", ' ', ' ', [('a', "xxiv, 321 p. ;"), ('c', "24 cm.")]);
        let record = CompactRecord::from(&record.build());
        let packed = Packer::default().pack(&record);
        assert_eq!(unpack(&packed).unwrap(), record);
    }

    #[test]
    fn damaged_form_is_an_error() {
        let packed = Packer::default().pack(&CompactRecord::default());
        for damaged in
            [&[][..], &[9, 0, 0, 0, 0], &[FORM, 1], &[FORM, 255, 255, 255, 255, 0], &packed[..packed.len() - 1]]
        {
            assert!(unpack(damaged).is_err(), "{damaged:?}");
        }
    }
}
