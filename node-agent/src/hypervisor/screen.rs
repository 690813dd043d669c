//! A display's picture: from the portable pixmap that a hypervisor writes to the JPEG that EC2's clients expect.

use jpeg_encoder::{ColorType, Encoder, EncodingError};

/// As EC2's: text stays readable and a page of it stays small.
const QUALITY: u8 = 85;

/// Wider or higher than any display of a guest: what says so is no picture.
const LONGEST_SIDE: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum NoPicture {
    #[error("it is no portable pixmap of 8 bits a colour, or of no size that a display has")]
    Malformed,
    #[error("it can not be encoded")]
    Encoding(#[from] EncodingError),
}

/// Width, height, three bytes a pixel.
pub struct Pixels<'a> {
    pub width: u16,
    pub height: u16,
    pub rgb: &'a [u8],
}

impl<'a> Pixels<'a> {
    /// Of a binary pixmap (`P6`). Source: <https://netpbm.sourceforge.net/doc/ppm.html>.
    pub fn read(ppm: &'a [u8]) -> Result<Self, NoPicture> {
        let mut at = ppm.strip_prefix(b"P6").ok_or(NoPicture::Malformed)?;
        let mut numbers = [0_usize; 3];
        for number in &mut numbers {
            let digits = at.trim_ascii_start();
            let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let text = std::str::from_utf8(&digits[..length]).map_err(|_| NoPicture::Malformed)?;
            *number = text.parse().map_err(|_| NoPicture::Malformed)?;
            at = &digits[length..];
        }
        let [width, height, most] = numbers;
        let sound = (1..=LONGEST_SIDE).contains(&width) && (1..=LONGEST_SIDE).contains(&height) && most == 255;
        // One byte of white space ends the head.
        let rgb = at.get(1..).filter(|rgb| sound && rgb.len() == width * height * 3).ok_or(NoPicture::Malformed)?;
        let side = |side: usize| u16::try_from(side).map_err(|_| NoPicture::Malformed);
        Ok(Self { width: side(width)?, height: side(height)?, rgb })
    }

    pub fn jpeg(&self) -> Result<Vec<u8>, NoPicture> {
        let mut jpeg = Vec::new();
        Encoder::new(&mut jpeg, QUALITY).encode(self.rgb, self.width, self.height, ColorType::Rgb)?;
        Ok(jpeg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixmap_becomes_a_jpeg_of_its_size() {
        let ppm = [b"P6\n16 8\n255\n".as_slice(), &[0x80; 16 * 8 * 3]].concat();
        let pixels = Pixels::read(&ppm).unwrap();
        assert_eq!((pixels.width, pixels.height), (16, 8));
        let jpeg = pixels.jpeg().unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
        // The frame header: height, then width.
        let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        assert_eq!(jpeg[frame + 5..frame + 9], [0, 8, 0, 16]);
    }

    #[test]
    fn what_is_no_pixmap_is_refused() {
        let whole = [b"P6 2 1 255 ".as_slice(), &[0; 6]].concat();
        assert!(Pixels::read(&whole).is_ok());
        for (from, to) in [
            ("P6", "P5"),
            ("2 1", "0 1"),
            ("2 1", "2 2"),
            ("2 1", "99999999999999999999 1"),
            ("2 1", "5000 1"),
            ("255", "65535"),
            ("2 1", "-2 1"),
        ] {
            let text = whole.iter().map(|byte| char::from(*byte)).collect::<String>().replacen(from, to, 1);
            let ppm: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            assert!(Pixels::read(&ppm).is_err(), "{to}");
        }
        for length in 0..whole.len() {
            assert!(Pixels::read(&whole[..length]).is_err(), "{length}");
        }
    }
}
