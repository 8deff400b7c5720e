#!/usr/bin/env bash
# Whether an edited model may be merged: what changed, how well it still reads, and whether anything measured got worse.
#
# Everything comes in through the environment, as a GitHub action gives it:
#
#   BASELINE, CURRENT    folders of the model before and after the edit
#   TEXTS                texts for the perplexity; without them it is not measured
#   BASELINE_RESULTS,    two files or folders of results to compare as well: evaluations of this program, lm-evaluation-harness,
#   CURRENT_RESULTS      or tables
#   FAIL_ON              verdict on the weights that fails: suspect, collapsed (the default) or none
#   TOLERANCES           a METRIC=TOLERANCE a line
#   RULES                a file of rules; regress.toml is read where there is one. Without any of the three a perplexity may grow by
#                        0.05 nats a token, and its mean over texts by a tenth
#   OUT                  folder for the reports [gate]
#   DIAGNOSE             the program [diagnose]
#
# Reports are written to OUT, the summary to GITHUB_STEP_SUMMARY, or to standard output where there is none.
# Exit codes are those of the program: 0 may pass, 1 a check failed, 2 something could not be done. The worst counts.
set -euo pipefail

diagnose=${DIAGNOSE:-diagnose}
out=${OUT:-gate}
summary=${GITHUB_STEP_SUMMARY:-/dev/stdout}
worst=0

# step NAME COMMAND...: its Markdown goes into the summary, its exit code into the gate; nothing stops the steps behind it.
step() {
    local name=$1 code=0
    shift
    "$@" --format markdown --output "$out/$name.md" || code=$?
    if [ -f "$out/$name.md" ]; then
        { cat "$out/$name.md"; echo; } >>"$summary"
    else
        printf '### ❌ %s could not be done (exit code %s)\n\n' "$name" "$code" >>"$summary"
    fi
    [ "$code" -le "$worst" ] || worst=$code
}

# judged NAME BEFORE NOW: two measurements held against each other, for people, for code scanning and for the list of tests.
judged() {
    local rules=(${tolerances[@]+"${tolerances[@]}"})
    [ -z "${RULES:-}" ] || rules+=(--rules "$RULES")
    step "$1" "$diagnose" regress "$2" "$3" ${rules[@]+"${rules[@]}"}
    # The step above has told what there is to tell; these are the same in other formats.
    for kind in sarif junit.xml json; do
        "$diagnose" regress "$2" "$3" ${rules[@]+"${rules[@]}"} --quiet --format "${kind%.xml}" --output "$out/$1.$kind" || true
    done
}

if [ -z "${TOLERANCES:-}${RULES:-}" ] && [ ! -f regress.toml ]; then
    TOLERANCES=$'perplexity/mean_nll=0.05\nperplexity/mean_of_text_perplexities=10%'
fi
tolerances=()
while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"}
    [ -z "$line" ] || tolerances+=(--tolerance "$line")
done <<<"${TOLERANCES:-}"

mkdir -p "$out"
rm -f "$out"/{deltas,perplexity,results}.{md,json,sarif,junit.xml}

fail_on=(--fail-on "${FAIL_ON:-collapsed}")
[ "${FAIL_ON:-}" != none ] || fail_on=()
step deltas "$diagnose" deltas "${BASELINE:?}" "${CURRENT:?}" ${fail_on[@]+"${fail_on[@]}"}

if [ -n "${TEXTS:-}" ]; then
    measured=0
    for side in baseline current; do
        model=$BASELINE
        [ "$side" = baseline ] || model=$CURRENT
        "$diagnose" perplexity --model "$model" --texts "$TEXTS" --per-text --format json --output "$out/$side.json" || measured=$?
    done
    if [ "$measured" -eq 0 ]; then
        judged perplexity "$out/baseline.json" "$out/current.json"
    else
        printf '### ❌ perplexity could not be measured (exit code %s)\n\n' "$measured" >>"$summary"
        [ "$measured" -le "$worst" ] || worst=$measured
    fi
fi

if [ -n "${BASELINE_RESULTS:-}" ]; then
    judged results "$BASELINE_RESULTS" "${CURRENT_RESULTS:?}"
fi

exit "$worst"
