// Colours as hex, and back to the names a panel's configuration gives them.
import { colorManipulator } from '@grafana/data';

/** Give a CSS colour as `#rrggbb` (`#rrggbbaa` if translucent), null for none. */
export function hex(color) {
    return color ? colorManipulator.asHexString(color).toLowerCase() : null;
}

/** Give a map from the shown hex colour to the colour name the configuration uses. */
export function colorNames({ defaults, overrides }, theme) {
    const names = new Map();
    walk([defaults, overrides], (key, value) => {
        if ((key === 'color' || key === 'fixedColor') && typeof value === 'string') {
            names.set(hex(theme.visualization.getColorByName(value)), value);
        }
    });
    return names;
}

function walk(node, visit) {
    for (const [key, value] of Object.entries(node ?? {})) {
        visit(key, value);
        if (typeof value === 'object') {
            walk(value, visit);
        }
    }
}
