//! The text of every kernel.

/// One file of `kernels/`.
#[derive(Debug)]
pub struct Source {
    /// Its name, without `.cu`.
    pub name: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// What each of them includes.
const PORTABLE: &str = include_str!("../../kernels/portable.cuh");
const INCLUDE: &str = "#include \"portable.cuh\"\n";

macro_rules! sources {
    ($($constant:ident $name:literal,)*) => {
        $(
            #[doc = concat!("`kernels/", $name, ".cu`")]
            pub(super) static $constant: Source =
                Source { name: $name, text: include_str!(concat!("../../kernels/", $name, ".cu")) };
        )*
        /// All of them.
        pub static SOURCES: &[&Source] = &[$(&$constant),*];
    };
}

sources! {
    PAIR_STATS "pair_stats",
    DELTA_MATVEC "delta_matvec",
    KEY_FRACTION "key_fraction",
    SECOND_MOMENT "second_moment",
    POSITION_STATS "position_stats",
    RANK_PERMUTE "rank_permute",
}

impl Source {
    /// The whole program, as one text: no compiler has to look for a file.
    pub fn program(&self) -> String {
        self.text.replacen(INCLUDE, &format!("{PORTABLE}\n#line 1 \"{}.cu\"\n\n", self.name), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_includes_no_file() {
        for source in SOURCES {
            let program = source.program();
            assert!(program.contains("constexpr u32 WARP") && !program.contains("#include \"portable"));
        }
    }
}
