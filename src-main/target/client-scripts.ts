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
