extension Page {
    /// The style sheet. Figures take their colours from it, so that they follow the reader's choice of light or dark.
    static let style = """
        :root { color-scheme: light dark; --paper: #fdfcf9; --ink: #1f2023; --soft: #63656b; --grid: #e6e3db;
          --one: #1f4e8c; --two: #6f9bd1; --three: #a9c3e3; --other: #8a8d93; --faint: #cbccd0; --floor: #b8471b;
          --warm: #c27a2c; --green: #3c7d57; --aim: #b8471b; }
        @media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e7e5df; --soft: #9b9da3; --grid: #2b2e33;
          --one: #86b4ee; --two: #4f7db8; --three: #35527a; --other: #8b8e95; --faint: #4a4d53; --floor: #ef8b5c;
          --warm: #dda15e; --green: #74b58d; --aim: #ef8b5c; } }
        html { background: var(--paper); color: var(--ink); }
        body { margin: 0; font: 17px/1.55 Charter, 'Bitstream Charter', 'Iowan Old Style', Georgia, serif; }
        main { max-width: 760px; margin: 0 auto; padding: 56px 24px 96px; }
        h1 { font-size: 34px; font-weight: 500; letter-spacing: -.01em; margin: 0 0 12px; }
        h2 { font-size: 21px; font-weight: 500; margin: 56px 0 6px; }
        p { margin: 0 0 14px; max-width: 70ch; text-wrap: pretty; }
        .machine { color: var(--soft); font-size: 15px; line-height: 1.45; margin-bottom: 6px; }
        .machine + p:not(.machine) { margin-top: 18px; }
        svg { display: block; width: 100%; height: auto; margin: 18px 0 0; overflow: visible; }
        svg text, table { font-family: system-ui, 'Helvetica Neue', 'Segoe UI', 'Liberation Sans', Arial, sans-serif;
          font-variant-numeric: tabular-nums; }
        svg text { font-size: 12px; fill: var(--ink); }
        svg .tick, svg .unit { fill: var(--soft); } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
        svg .group, svg .panel { font-weight: 600; } svg .value { font-size: 11.5px; }
        .value, .floor-name { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
        svg .floor-name { fill: var(--floor); font-size: 11.5px; } svg .name { font-weight: 600; }
        svg .panel { font-size: 12.5px; }
        .grid { stroke: var(--grid); } .axis { stroke: var(--soft); stroke-width: .75; }
        .line { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
        .whisker { stroke-width: 1; opacity: .7; } .dot { stroke: var(--paper); stroke-width: 1; }
        .touch { fill: transparent; stroke: none; } .band { opacity: .16; stroke: none; }
        .spread { stroke: var(--ink); stroke-width: 1; } .halo { stroke: var(--paper); stroke-width: 3; opacity: .65; }
        .floor { stroke: var(--floor); stroke-width: 2; } .floor-band { fill: var(--floor); opacity: .16; }
        .aim { stroke: var(--aim); stroke-width: 2; }
        line.one, path.line.one { stroke: var(--one); } line.two, path.line.two { stroke: var(--two); }
        line.three, path.line.three { stroke: var(--green); } line.four, path.line.four { stroke: var(--warm); }
        line.other, path.line.other { stroke: var(--other); }
        circle.one, path.band.one, text.one, rect.one { fill: var(--one); }
        circle.two, path.band.two, rect.two { fill: var(--two); } rect.three { fill: var(--three); }
        circle.three, path.band.three, text.three { fill: var(--green); }
        circle.four, path.band.four, text.four, rect.four { fill: var(--warm); }
        circle.other, path.band.other, rect.other { fill: var(--other); } rect.faint { fill: var(--faint); }
        text.two { fill: var(--two); } text.other { fill: var(--other); }
        .line.dashed { stroke-dasharray: 5 4; opacity: .8; } .band.dashed { opacity: .09; }
        .table { overflow-x: auto; margin: 18px 0 0; }
        table { border-collapse: collapse; font-size: 13px; line-height: 1.4; width: 100%; }
        th { text-align: left; font-weight: 500; color: var(--soft); border-bottom: 1px solid var(--soft);
          vertical-align: bottom; }
        th, td { padding: 4px 14px 4px 0; } td { border-bottom: 1px solid var(--grid); white-space: nowrap; }
        th.number, td.number { text-align: right; padding: 4px 0 4px 14px; }
        details { margin-top: 14px; } summary { cursor: pointer; font-size: 16px; }
        @media print { main { max-width: none; } details { display: block; } }
        """
}
