"""The style sheet of the page: for light and dark, for narrow and wide screens, and for print. It loads nothing."""

CSS = """
:root{color-scheme:light dark;--bg:#fff;--card:#f5f6f8;--ink:#16191d;--dim:#525a65;--edge:#d4d9e0;--grid:#e3e7ec;
--good:#12703c;--bad:#b3201f;--warn:#8a5200;
--c0:#1f5fbf;--c1:#b4500a;--c2:#12703c;--c3:#7a35d8;--c4:#a3164b;--c5:#525a65}
@media (prefers-color-scheme:dark){:root{--bg:#13161a;--card:#1c2026;--ink:#e9ecf0;--dim:#a7b0bc;--edge:#353c46;
--grid:#2a3038;--good:#62d394;--bad:#ff8b86;--warn:#f2b35c;
--c0:#7fb2ff;--c1:#ffab66;--c2:#62d394;--c3:#c5a3ff;--c4:#ff8fb0;--c5:#b8c0cc}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:16px 20px 48px;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.5rem;line-height:1.25;margin:0}
h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
p{margin:.4rem 0}
.dim{color:var(--dim)}.small{font-size:.85rem}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.verdict{display:flex;gap:16px;align-items:center;padding:18px 20px;border-radius:10px;background:var(--card);
border:1px solid var(--edge);border-left:8px solid currentColor}
.verdict p{color:var(--ink)}
.sign{flex:none;width:56px;height:56px;border-radius:50%;border:4px solid currentColor;font-size:2rem;
line-height:46px;text-align:center;font-weight:700}
.facts{display:grid;grid-auto-flow:dense;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));
gap:10px;margin:14px 0 0;padding:0}
.facts>div{background:var(--card);border-radius:8px;padding:8px 12px}
.facts>.wide{grid-column:span 2}
.facts dt{color:var(--dim);font-size:.85rem}.facts dd{margin:0;font-weight:600;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.93rem}
caption{text-align:left;color:var(--dim);padding-bottom:4px}
th,td{text-align:left;padding:6px 10px 6px 0;border-bottom:1px solid var(--edge);vertical-align:top;
overflow-wrap:anywhere}
td{min-width:6.5em}th{font-weight:600;color:var(--dim);overflow-wrap:normal}
tbody th{color:var(--ink);overflow-wrap:anywhere;min-width:12em}th p{font-weight:400}
td.figure,th.figure{text-align:right;padding-right:20px;font-variant-numeric:tabular-nums;overflow-wrap:normal}
code{font:.86em ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
code.copy{display:block;padding:6px 8px;border:1px solid var(--edge);border-radius:6px;background:var(--card);
user-select:all;-webkit-user-select:all;overflow-wrap:anywhere;white-space:pre-wrap}
.chip{display:inline-block;border:1px solid currentColor;border-radius:10px;padding:0 8px;font-size:.8rem;
white-space:nowrap}
.bar{display:block;height:10px;min-width:90px;border:1px solid var(--edge);border-radius:5px;overflow:hidden;
background:var(--card)}
.bar>span{display:block;height:100%;background:var(--c0)}.bar.full>span{background:var(--good)}
.bar.over>span{background:var(--bad)}
.unfilled .bar{border-style:dashed}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:18px}
figure{margin:0;min-width:0;break-inside:avoid}
.plot.large{margin:22px 0}
figcaption{font-size:.9rem;overflow-wrap:anywhere;line-height:1.3;margin-bottom:4px}
.frame{position:relative;height:110px;margin-left:64px;border-left:1px solid var(--edge);
border-bottom:1px solid var(--edge)}
.large .frame{height:230px}
.frame svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.levels span{position:absolute;right:calc(100% + 6px);transform:translateY(-50%);font-size:.72rem;color:var(--dim);
white-space:nowrap;font-variant-numeric:tabular-nums}
.axis{display:flex;justify-content:space-between;margin-left:64px;font-size:.72rem;color:var(--dim)}
svg line,svg polyline{fill:none;vector-effect:non-scaling-stroke}
.grid{stroke:var(--grid);stroke-width:1}
line.capacity{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:7 5}
.line{stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.c0{stroke:var(--c0)}.c1{stroke:var(--c1);stroke-dasharray:9 4}.c2{stroke:var(--c2);stroke-dasharray:2 4}
.c3{stroke:var(--c3);stroke-dasharray:12 4 2 4}.c4{stroke:var(--c4);stroke-dasharray:5 3}
.c5{stroke:var(--c5);stroke-dasharray:14 6}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:6px 0;padding:0;font-size:.85rem}
.legend li{display:flex;gap:6px;align-items:center}.key{width:28px;height:10px}
details{margin:.4rem 0}summary{cursor:pointer;padding:4px 0}
ul.notes{padding-left:1.2rem}
a{color:var(--c0)}
@media (max-width:640px){body{padding:10px 12px 32px}.verdict{padding:12px;gap:12px}.sign{width:44px;height:44px;
line-height:35px;font-size:1.5rem}h1{font-size:1.2rem}
table.cards thead{position:absolute;left:-999px}
table.cards,table.cards tbody,table.cards tr,table.cards td,table.cards th{display:block;width:100%}
table.cards tr{padding:8px 0;border-bottom:1px solid var(--edge)}
table.cards caption{display:block}
table.cards td,table.cards th{border:0;padding:1px 0}table.cards td.figure{text-align:left}
table.cards td:empty{display:none}
table.cards td[data-label]::before{content:attr(data-label) ": ";color:var(--dim)}}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--dim:#333;--edge:#999;--grid:#ddd;--good:#12703c;--bad:#b3201f;
--warn:#8a5200;--c0:#1f5fbf;--c1:#b4500a;--c2:#12703c;--c3:#7a35d8;--c4:#a3164b;--c5:#525a65}
body{max-width:none;padding:0;font-size:11pt}tr,figure,.verdict{break-inside:avoid}h2{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
details::details-content{content-visibility:visible;height:auto}}
"""
