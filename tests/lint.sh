#!/bin/sh
# Checks what a compiler does not: includes point down (src/LAYERS), one library to a folder, formatting, and
# that nothing of a machine or of test data slipped in. Prints 'N passed, N failed'.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

check() { # check NAME FUNCTION: what the function prints is what is wrong
    bad=$($2)
    if [ -z "$bad" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'lint: %s:\n%s\n' "$1" "$bad"
    fi
}

includes() {
    awk '
        FILENAME == "src/LAYERS" { level[$1] = FNR; next }
        /^#include "[a-z]+\// {
            split(FILENAME, at, "/"); split($2, to, /["\/]/)
            if (!(to[2] in level)) print FILENAME ":" FNR ": " $2 " is in no layer"
            else if (level[to[2]] > level[at[2]]) print FILENAME ":" FNR ": " at[2] " must not include " $2
        }' src/LAYERS $(git ls-files 'src/*.c' 'src/*.h' 'src/*.cpp')
}

libraries() {
    while read -r header folder; do
        grep -nE "#include [<\"]$header" -r src | grep -vE "^src/($folder)/"
    done <<'LIBRARIES'
vips image
jpeglib image
openvino infer
sqlite3.h store
libpq store
microhttpd http
gnutls http
sodium crypt
openssl crypt
jansson base
faiss vindex
cairo demo
curl/ catalog|vault|ident|privacy|cli
archive.h privacy
expat catalog
libstemmer lang
LIBRARIES
}

formatting() {
    git ls-files 'src/*.c' 'src/*.h' 'tests/*.c' 'bench/*.c' | xargs clang-format-14 --dry-run 2>&1 |
        grep warning | cut -d: -f1 | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2: \1 places (make format)/'
}

machine_paths() {
    git grep -nIE '(^|[^a-z.])/(work|root|home)/' -- . ':!tests/lint.sh'
}

generated() {
    git ls-files | grep -E '\.(o|a|so|pyc|db|zip)$'
}

large() {
    git ls-files -z | xargs -0 -r du -k --apparent-size 2>/dev/null |
        awk '$1 > 1024 && $2 !~ /^models\// { print $2 " has " $1 " KiB" }'
}

personal() {
    awk '/\.personal_tables/ { has[FILENAME] = 1 } /\.export_user/ { ex[FILENAME] = 1 }
         /\.erase_user/ { er[FILENAME] = 1 }
         END { for (f in has) if (!(f in ex) || !(f in er))
                   print f ": personal_tables without export_user and erase_user" }' $(git ls-files 'src/*.c')
}

headers() {
    for f in $(git ls-files 'src/*.h'); do
        head -c 2 "$f" | grep -q '/\*' || echo "$f: begins without a comment that says what it is"
    done
}

check "includes point down" includes
check "one library to a folder" libraries
check "formatting" formatting
check "paths of a machine" machine_paths
check "generated files in the repository" generated
check "large files" large
check "tables with personal data are exported and erased" personal
check "headers say what they are" headers

echo "lint: $passed passed, $failed failed"
[ "$failed" = 0 ]
