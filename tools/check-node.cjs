/*
 * Runs before everything else in `npm start` and `npm test`: tells the owner of an old Node in one line what to do.
 * Written in the JavaScript of 2015, because any Node must be able to read it.
 */
var parts = process.versions.node.split('.');
var major = Number(parts[0]);
var minor = Number(parts[1]);

if (major < 20 || (major === 20 && minor < 18)) {
  console.error(
    'Node ' +
      process.versions.node +
      ' is too old: install Node 20.18 or newer (for example "npm install -g n && n 24"), then run this again.',
  );
  process.exit(1);
}
