//! The operator's command line, for a site that keeps no records of its own. One that does has its own `main`
//! around [`ciam::cli::main`].

fn main() -> std::process::ExitCode {
    ciam::cli::main(|builder| builder)
}
