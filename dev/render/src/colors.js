// Colors as hex, and their names in a panel's configuration.
import { colorManipulator } from '@grafana/data';

/** Return a CSS color as `#rrggbb` (`#rrggbbaa` if translucent), null for none. */
export function hex(color) {
    return color ? colorManipulator.asHexString(color).toLowerCase() : null;
}

/** Return a map from hex colors to the color names in the configuration. */
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
