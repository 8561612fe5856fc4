// How a sheet looks, on the screen and on A4: one style for the file and the window, which adopts it. Black on white, since it is paper.

export const sheetStyle =
  '.sheet{--line:#b9b9b2;--quiet:#4a4f55;--soft:#f1f1ec;box-sizing:border-box;max-width:190mm;margin:0 auto;padding:10mm;background:#fff;color:#111;font:9.3pt/1.36 system-ui,"Segoe UI",Roboto,"Liberation Sans",sans-serif;overflow-wrap:anywhere}' +
  '.sheet *{box-sizing:border-box}.sheet h1,.sheet h2,.sheet h3,.sheet p,.sheet ul,.sheet dl,.sheet dd{margin:0;padding:0}' +
  '.sheet code,.sheet .sheet-groups{font-family:ui-monospace,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:8.2pt;font-weight:400}' +
  '.sheet-head{display:flex;align-items:baseline;justify-content:space-between;gap:6mm;border-bottom:1.6pt solid #111;padding-bottom:1.6mm}' +
  '.sheet .sheet-title{font-size:19pt;line-height:1.1;font-weight:700}.sheet-title span{font-size:9.3pt;font-weight:400;color:var(--quiet);display:block;letter-spacing:.02em}.sheet-made{color:var(--quiet);font-size:8.2pt;text-align:end}' +
  '.sheet .sheet-mark{border:1pt solid #111;border-radius:1.2mm;padding:1mm 2.5mm;margin-top:3mm;font-weight:600}' +
  '.sheet h2{font-size:11pt;margin-top:4.2mm;margin-bottom:1.4mm;break-after:avoid}.sheet h3{font-size:9.3pt;break-after:avoid}' +
  '.sheet-identity{display:grid;grid-template-columns:1.25fr 1fr;gap:6mm}' +
  '.sheet-print{border:1pt solid #111;border-radius:1.2mm;padding:2.2mm 3mm}.sheet .sheet-groups{font-size:12.5pt;line-height:1.45;display:grid;grid-template-columns:repeat(4,auto);justify-content:space-between;white-space:nowrap}.sheet .sheet-print p{font-size:8.2pt;color:var(--quiet);margin-top:1.2mm}' +
  '.sheet-medium div{display:grid;grid-template-columns:8em 1fr;gap:3mm;margin-bottom:.4mm}.sheet-medium dt{color:var(--quiet)}.sheet-medium dd{font-weight:600}' +
  '.sheet table{width:100%;border-collapse:collapse}.sheet th,.sheet td{text-align:start;vertical-align:top;padding:1.1mm 3mm 1.1mm 0;border-bottom:.5pt solid var(--line)}.sheet thead th{color:var(--quiet);font-weight:400;font-size:8.2pt;padding-top:0}.sheet tbody th{font-weight:700}.sheet td small,.sheet th small{display:block;font-size:8.2pt;font-weight:400;color:var(--quiet)}.sheet td:last-child{width:34%;padding-right:0}.sheet-blank{display:block;border-bottom:.7pt solid #111;height:5mm}' +
  '.sheet-bring{columns:2;column-gap:9mm}.sheet-bring section{margin-bottom:2.4mm}.sheet-bring h3{margin-bottom:.4mm}' +
  '.sheet ul{list-style:none}.sheet li{break-inside:avoid}.sheet-item{position:relative;padding-inline-start:5.4mm!important;margin-bottom:.55mm}.sheet-item .sheet-box{position:absolute;inset-inline-start:0;top:.55mm}' +
  '.sheet-box{display:inline-block;width:3.3mm;height:3.3mm;border:.8pt solid #111;border-radius:.5mm;font:700 8pt/3mm system-ui,sans-serif;text-align:center;vertical-align:-.4mm}' +
  '.sheet-steps{columns:2;column-gap:9mm}.sheet-steps section{margin-bottom:3.4mm}.sheet-steps h3{border-bottom:.8pt solid #111;padding-bottom:.4mm}.sheet-steps h3 small{font-weight:400;color:var(--quiet);font-size:8.2pt}.sheet-steps li{display:flex;align-items:baseline;justify-content:space-between;gap:3mm;border-bottom:.5pt solid var(--line);padding:.75mm 0}.sheet-checks{flex:0 1 auto;max-width:62%;display:flex;flex-wrap:wrap;justify-content:flex-end;gap:.3mm 3mm}.sheet-check{white-space:nowrap;font-size:8.2pt}.sheet-check .sheet-box{margin-inline-end:1mm}' +
  '.sheet .sheet-note{color:var(--quiet);font-size:8.2pt;margin-bottom:2mm}.sheet .sheet-sign{margin-top:6mm;padding-bottom:9mm;border-bottom:.7pt solid #111;color:var(--quiet);font-size:8.2pt}' +
  '@page{size:A4;margin:12mm}@media print{.sheet{max-width:none;padding:0}.sheet-paper{break-before:page}.sheet-paper h2{margin-top:0}}@media screen and (max-width:640px){.sheet-identity{grid-template-columns:1fr}.sheet-bring,.sheet-steps{columns:1}}';
