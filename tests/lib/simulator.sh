# Shared by the suites that drive a running simulator from outside; sourced, not run.
#
#   venv NAME FILE...     a Python environment with the packages that the FILEs list, kept under the target directory
#   node_packages NAME FILE   the folder with the packages of a package.json, kept under the target directory
#   build                 builds the program, unless TESTED_PROGRAM names one
#   start_sim ARG...      starts `consort sim` on a free port; sets sim_url
#   stop_sim              stops it

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
profile=${CONSORT_CARGO_PROFILE:-ci}
sim_pid=""
sim_log=""

complain() { printf '%s\n' "${0##*/tests/}: $*" >&2; }

# The newest Python that can make environments.
find_python() {
    local name
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return
        fi
    done
    complain "needs Python 3.11 or newer with venv (Debian: python3-venv)"
    return 1
}

# Prints the environment's folder; one that was not finished is made anew.
venv() {
    local name=$1 python hash place
    shift
    python=$(find_python) || return 1
    hash=$({ "$python" --version && cat "$@"; } | sha256sum | cut -c1-12)
    place=$target/python/$name-$hash
    if [[ ! -x $place/bin/python || ! -e $place/complete ]]; then
        rm -rf "$place"
        mkdir -p "$target/python"
        "$python" -m venv "$place" >&2 || return 1
        local file
        for file in "$@"; do
            "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$file" >&2 || return 1
        done
        touch "$place/complete"
    fi
    printf '%s\n' "$place"
}

# Prints the folder; one that was not finished is made anew.
node_packages() {
    local name=$1 file=$2 hash place
    hash=$(sha256sum "$file" | cut -c1-12)
    place=$target/node/$name-$hash
    if [[ ! -e $place/complete ]]; then
        rm -rf "$place"
        mkdir -p "$place"
        cp "$file" "$place/package.json"
        (cd "$place" && npm install --silent --no-fund --no-audit --no-update-notifier >&2 </dev/null) || return 1
        touch "$place/complete"
    fi
    printf '%s\n' "$place"
}

build() {
    [[ -z ${TESTED_PROGRAM:-} ]] || return 0
    cargo build --quiet --profile "$profile" -p consort --locked --manifest-path "$root/Cargo.toml" </dev/null
}

program() {
    local folder=$profile
    if [[ -n ${TESTED_PROGRAM:-} ]]; then
        printf '%s\n' "$TESTED_PROGRAM"
        return
    fi
    [[ $profile != dev ]] || folder=debug
    printf '%s/%s/consort\n' "$target" "$folder"
}

# It listens on a port of its own choice and says which; the wait is for that line or for its end.
start_sim() {
    sim_log=$(mktemp "${TMPDIR:-/tmp}/consort-sim.XXXXXX") || return 1
    local line
    coproc SIM { exec "$(program)" sim --listen 127.0.0.1:0 "$@" 2>"$sim_log"; }
    sim_pid=$SIM_PID
    if ! read -r -t 60 line <&"${SIM[0]}"; then
        complain "the simulator did not start:"
        cat "$sim_log" >&2
        return 1
    fi
    sim_url=${line##* }
}

stop_sim() {
    if [[ -n $sim_pid ]] && kill -0 "$sim_pid" 2>/dev/null; then
        kill "$sim_pid" 2>/dev/null || true
        wait "$sim_pid" 2>/dev/null || true
    fi
    [[ -z $sim_log ]] || rm -f "$sim_log"
    sim_pid="" sim_log=""
}
