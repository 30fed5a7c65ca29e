# Help, version, wrong usage.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"

ok help
for command in eval test model data rate plot help; do has out "^  $command "; done
ok --help
ok --version
has out '^kramers [0-9]*\.[0-9]*\.[0-9]*$'
code 2 'usage: kramers COMMAND'
for command in eval test "model info" "model convert" "model check" "data info" "data convert" "data stats" \
    "plot rdf" "plot thermo" help; do
    # shellcheck disable=SC2086
    ok $command --help
    has out "^usage: kramers $command "
    has out '--help'
    cp out page
    # shellcheck disable=SC2086
    ok help $command
    cmp -s out page || fail "help $command is not $command --help"
done
ok model --help
has out 'model check'

code 2 'unknown command evla, did you mean eval' evla
code 2 'unknown command xyzzy$' xyzzy
code 2 'unknown command model chek, did you mean check' model chek
code 2 'unknown command data stat, did you mean stats' help data stat
code 2 'usage: kramers model' model
code 2 'unknown option --modle, did you mean --model' eval --modle x
code 2 'unknown option -z' eval -z
code 2 'needs a value' eval -m
code 2 'whole number' eval -m x --threads -1 y -o z
code 2 'double|mixed' eval -m x --precision half y -o z
code 2 'takes no value' eval --atomic=yes x
code 2 'an argument is missing' model convert one
code 2 'one argument too many: three' model convert one two three
code 2 'a number expected' data stats --rcut 6A x
code 2 'hint: kramers eval --help' eval -m x
finish
