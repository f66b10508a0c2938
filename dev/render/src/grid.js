// Grafana's grid of 24 columns, in pixels.

export const GRID = { columns: 24, row: 30, gap: 8, margin: 16, header: 40, controls: 48 };

/** Return `{ left, top, width, height }` of a panel in pixels, relative to the grid's corner. */
export function box({ x, y, w, h }, pageWidth) {
    const column = columnWidth(pageWidth);
    return {
        left: Math.round(x * (column + GRID.gap)),
        top: y * (GRID.row + GRID.gap),
        width: panelWidth({ w }, pageWidth),
        height: h * (GRID.row + GRID.gap) - GRID.gap,
    };
}

export function panelWidth({ w }, pageWidth) {
    return Math.round(w * columnWidth(pageWidth) + (w - 1) * GRID.gap);
}

/** Move panels up as far as possible, as Grafana's grid does, to close the gaps of collapsed rows. */
export function compact(panels) {
    const placed = [];
    const sorted = [...panels].sort(
        (a, b) => a.panel.gridPos.y - b.panel.gridPos.y || a.panel.gridPos.x - b.panel.gridPos.x,
    );
    for (const item of sorted) {
        const { x, w, h } = item.panel.gridPos;
        const above = placed.filter(
            ({ panel: { gridPos: other } }) => other.x < x + w && x < other.x + other.w,
        );
        const y = Math.max(0, ...above.map(({ panel: { gridPos: other } }) => other.y + other.h));
        placed.push({ ...item, panel: { ...item.panel, gridPos: { x, y, w, h } } });
    }
    return placed;
}

/** Return the height of a page with these panels. */
export function pageHeight(panels, pageWidth) {
    const bottoms = panels
        .map(({ panel }) => box(panel.gridPos, pageWidth))
        .map(({ top, height }) => top + height);
    return GRID.header + GRID.controls + Math.max(0, ...bottoms) + GRID.margin;
}

function columnWidth(pageWidth) {
    return (pageWidth - 2 * GRID.margin - (GRID.columns - 1) * GRID.gap) / GRID.columns;
}
