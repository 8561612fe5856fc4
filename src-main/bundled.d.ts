/** See `bundledText` in tools/build-settings.ts. */
declare module '*?bundled' {
  const text: string;
  export default text;
}
