// Shell for the site's client, an ordinary user who asks the master for services. Used by the steps that make and use it, and known
// to the practice machine. What a person's certificate belongs to is read here, never written.
import { quoteWord } from '../../src-shared/quote.ts';
import { withoutConnection } from './slapproxy.ts';

/** Names of what `slapos configure client` writes into `~/.slapos`. */
export const clientFiles = ['slapos-client.cfg', 'client.crt', 'client.key'] as const;

/** $1: the user. Prints the user's home, then the client's files that are there. */
export const clientHomeScript = `home=$(getent passwd "$1" | cut -d : -f 6)
[ -n "$home" ] || exit 1
echo "$home"
for file in ${clientFiles.join(' ')}; do if [ -e "$home/.slapos/$file" ]; then echo "$file"; fi; done`;

/** $1: the user. Exit 0 when certificate and key belong together. */
export const clientKeyScript = `cd "$(getent passwd "$1" | cut -d : -f 6)/.slapos" || exit 1
one=$(openssl x509 -in client.crt -noout -pubkey) && [ "$one" = "$(openssl pkey -in client.key -pubout)" ]`;

/** $1: the user. Exit 0 when the user has all of the client's files. */
export const clientFilesScript = `home=$(getent passwd "$1" | cut -d : -f 6) && [ -n "$home" ] || exit 1
for file in ${clientFiles.join(' ')}; do [ -s "$home/.slapos/$file" ] || exit 1; done`;

/**
 * Runs `slapos request`, whose parameters come on standard input: keeps them out of arguments and off the disk once it is over, and
 * leaves out what slapos prints of a connection.
 */
export const clientRequestScript = `set -e
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/parameters.json"
code=0
sh -c ${quoteWord(withoutConnection)} sh "$@" --parameters-file "$folder/parameters.json" >"$folder/told" || code=$?
cat "$folder/told"
# 2: accepted, and not placed yet.
if [ "$code" = 2 ] && grep -q 'Instance requested' "$folder/told"; then code=0; fi
exit "$code"`;

/**
 * $1: for how many seconds it is looked for; $2: the registry's release; $3: its computer; $4 and on: names, the own one first. Asks
 * the master for a shared instance of the registry under each name, so that the tokens of others are under way as well, as long as
 * that leaves time for the own one; prints its token once the registry has it. One whose token was used before gives way to the next
 * number, behind a mark that no machine's name has. Ends with 1 where slapos fails or is away, with 3 where all were used, with 4
 * where none came in time, also because slapos did not come back. The form is that of re6stnet's release: `token`, and `1_info` in
 * words.
 */
export const re6stTokenScript = String.raw`patience=$1 release=$2 computer=$3
shift 3
end=$(($(date +%s) + patience))
over() { [ "$(date +%s)" -ge "$1" ]; }
ask() { timeout -k 5 60 slapos request "$1" "$release" --slave --node "computer_guid=$computer" 2>&1; }
own=$1 name=$1 number=1
shift
[ "$#" = 0 ] || set -- "$own" "$@"
for each in "$@"; do
  if over $((end - patience / 4)); then break; fi
  ask "$each" >/dev/null || :
done
while :; do
  told=$(ask "$name")
  code=$?
  case $told in
    *'Token is ready for use'*)
      token=$(printf '%s\n' "$told" | sed -n "s/.*'token': '\([^']*\)'.*/\1/p" | head -n 1)
      if [ -n "$token" ]; then
        printf 're6st token: %s\n' "$token"
        exit 0
      fi
      ;;
    *'it has been used'*)
      number=$((number + 1))
      [ "$number" -le 20 ] || exit 3
      if over "$end"; then exit 4; fi
      name="$own"_"$number"
      continue
      ;;
  esac
  # 2: accepted, and not placed yet; 124 and 137: it did not come back.
  case $code in 0 | 2 | 124 | 137) ;; *) exit 1 ;; esac
  if over "$end"; then exit 4; fi
  sleep 10
done`;
/** As `re6stTokenScript` prints it; the token is the pattern's group. */
export const re6stTokenSays = '^re6st token: (\\S+)$';
