// SPDX-License-Identifier: Apache-2.0

/// The page's style: system fonts, Okabe and Ito's colors, a light and a dark set, rules for print.
enum Style {
    static let markup: Markup = """
        :root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5b636e;--grid:#e4e7eb;--card:#f6f7f9;--before:#d55e00;--after:#0072b2;--good:#007a5a}
        @media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e8eaed;--soft:#a3abb5;--grid:#2d333b;--card:#1d2127;--before:#e69f00;--after:#56b4e9;--good:#2fc99e}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
        main{max-width:980px;margin:0 auto;padding:40px 24px 64px}
        h1{font-size:44px;line-height:1.1;letter-spacing:-.02em;margin:4px 0 12px}
        h2{font-size:23px;letter-spacing:-.01em;margin:56px 0 6px}h3{font-size:16px;margin:24px 0 6px}
        p{margin:0 0 12px;max-width:74ch}.eyebrow{color:var(--soft);font-size:14px;margin:0}.lead{font-size:18px}
        small{font-size:13px;color:var(--soft)}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:12px;margin-top:24px}
        .figures div{background:var(--card);border-radius:8px;padding:12px 16px}.figures small{display:block}
        .figures strong{font-size:21px;font-variant-numeric:tabular-nums;white-space:nowrap}.was{color:var(--soft);font-weight:400}
        .two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(380px,100%),1fr));gap:0 32px}.two>div{min-width:0}
        ul{padding-left:20px;margin:0}.advice{list-style:none;padding:0}.advice li{display:flex;gap:12px;margin:0 0 12px}
        .advice b{flex:none;width:24px;height:24px;border-radius:50%;display:grid;place-items:center;font-size:14px;border:1.5px solid currentColor}
        .helped b{color:var(--good)}.next b{color:var(--after)}.caution b{color:var(--before)}.try{font-weight:600}
        .legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:14px;color:var(--soft);margin:0 0 4px}
        .legend span{display:inline-flex;align-items:center;gap:6px}.legend svg{width:12px;height:12px}
        .defs{position:absolute;width:0;height:0}
        .chart{overflow-x:auto;margin:8px 0 16px}.chart svg{display:block;width:100%;min-width:620px;height:auto}
        svg text{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}svg .direct{fill:var(--ink);font-weight:600;stroke:var(--paper);stroke-width:4;stroke-linejoin:round;paint-order:stroke}
        .stagename{font-size:11px}.grid{stroke:var(--grid)}.zero{stroke:var(--soft);stroke-width:.7}
        .line{fill:none;stroke-width:1.6}.line.before{stroke:var(--before);stroke-dasharray:5 3}.line.after{stroke:var(--after)}.line.thin{stroke:var(--soft);stroke-width:1}
        .mark.before{fill:var(--paper);stroke:var(--before);stroke-width:1.6}.mark.after{fill:var(--after)}
        .box.before line{stroke:var(--before)}.box.after line{stroke:var(--after)}.whisker{stroke-width:1}.quartiles{opacity:.45}
        .box .mark.after{stroke:var(--paper);stroke-width:1.2;paint-order:stroke}
        .shift.before,.wash.before{fill:var(--before)}.shift.after,.wash.after{fill:var(--after)}.wash{opacity:.16}
        .variance.before{fill:url(#hatch-before)}.variance.after{fill:url(#hatch-after)}.hatch{stroke-width:1.4}.hatch.before{stroke:var(--before)}.hatch.after{stroke:var(--after)}
        .strip{fill:none}.strip.before{stroke:var(--before);opacity:.55}.strip.after{stroke:var(--after)}
        .stage{fill:var(--card);stroke:var(--grid)}.stage.s1{fill:var(--grid)}
        .strips{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:16px 24px}.strips figure{margin:0;min-width:0;break-inside:avoid}
        .strips svg{display:block;width:100%;height:auto}figcaption{font-size:13px}
        .scroll{overflow-x:auto;position:relative}table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
        th,td{padding:5px 8px;text-align:right;border-bottom:1px solid var(--grid);vertical-align:top}td{white-space:nowrap}
        thead th{overflow-wrap:normal;color:var(--soft);font-weight:500;vertical-align:bottom}th[scope=row]{text-align:left;font-weight:500;min-width:150px}
        thead th:nth-child(2){text-align:left}th small{display:block;font-weight:400}td.bar{width:90px;vertical-align:middle}.bar svg{display:block;width:80px;height:8px}
        .pairs th[scope=row]{width:34%;min-width:0;color:var(--soft)}.pairs td{text-align:left;white-space:normal;font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:13px}
        .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
        footer{margin-top:56px;padding-top:16px;border-top:1px solid var(--grid);color:var(--soft);font-size:14px}a{color:var(--after)}
        @media print{@page{margin:14mm}:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--grid:#ccc;--card:#f3f3f3;--before:#d55e00;--after:#0072b2;--good:#007a5a}
        *{-webkit-print-color-adjust:exact;print-color-adjust:exact}body{font-size:10pt}main{padding:0;max-width:none}h1{font-size:26pt}h2{font-size:14pt;margin-top:8mm;break-after:avoid}h3{break-after:avoid}
        .chart,.figures,.advice li,tr{break-inside:avoid}.chart,.scroll{overflow:visible}.chart svg{min-width:0}table{font-size:8.5pt}th,td{padding:1mm 1.5mm}thead{display:table-header-group}}
        """
}
