// One panel's data, ready to draw: transformed frames with the field configuration applied.
import {
    applyFieldOverrides,
    standardTransformers,
    standardTransformersRegistry,
    transformDataFrame,
} from '@grafana/data';
import { withDefaults } from './fieldConfig.js';
import { panelFrames } from './frames.js';
import { replaceVariables } from './templates.js';

standardTransformersRegistry.setInit(() =>
    [...new Set(Object.values(standardTransformers))].map((transformation) => ({
        id: transformation.id,
        name: transformation.name,
        transformation,
    })),
);

/** Return `{ data, options, fieldConfig }` of a panel; the frames in `data` have display functions attached. */
export async function preparePanel(panel, results, theme, { intervals, timeZone = 'utc' } = {}) {
    const { options, fieldConfig, registry } = withDefaults(panel);
    const frames = panelFrames(panel.targets ?? [], results, intervals);
    const transformed = await transform(panel.transformations ?? [], frames);
    const data = applyFieldOverrides({
        data: transformed,
        fieldConfig,
        fieldConfigRegistry: registry,
        replaceVariables,
        theme,
        timeZone,
    });
    return { data, options, fieldConfig };
}

async function transform(transformations, frames) {
    const used = transformations.filter(({ disabled }) => !disabled);
    const unknown = used.find(({ id }) => !standardTransformersRegistry.getIfExists(id));
    if (unknown) {
        throw new Error(`transformation ${unknown.id} is not in @grafana/data`);
    }
    const transformed = transformDataFrame(used, frames, { interpolate: (text) => text });
    return new Promise((next, error) => transformed.subscribe({ next, error }));
}
