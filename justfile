# What a developer does here. `just` lists it.

_default:
    @just --list

# Everything that CI runs.
check:
    .ci/run

# The tests, as a newcomer runs them.
test:
    cargo test

# Write the golden snapshots again; read the difference before you commit it.
golden:
    INSTA_UPDATE=always cargo test --test golden --test cli
    git diff --stat tests/snapshots

# Compare frames and heads with tshark on every capture.
tshark:
    WSCOPE_NEED_TSHARK=1 cargo test --test tshark

# Fuzz one target for a while: `just fuzz capture 60`.
fuzz target seconds='60':
    cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}} -max_len=4096

# Measure: whole runs on forged traffic, and hot loops, against their peers (`WSCOPE_BENCH_TSHARK=1` for tshark).
bench:
    cargo bench

# Count the instructions of the hot path (valgrind), and compare; `just count write` keeps them.
count keep='':
    WSCOPE_COUNTS={{keep}} CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_DEBUG=false cargo bench --no-default-features --bench instructions

# Record the captures again: needs root, network namespaces, browsers and servers.
captures *names:
    captures/record/run.sh {{names}}
