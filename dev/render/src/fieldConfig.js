// A panel's options and field configuration: the JSON, completed with the plug-in's defaults as Grafana does.
import {
    FieldType,
    Registry,
    displayNameOverrideProcessor,
    getPanelOptionsWithDefaults,
    identityOverrideProcessor,
    numberOverrideProcessor,
    stringOverrideProcessor,
} from '@grafana/data';
import { PLUGINS } from './plugins.js';

const always = () => true;
const onNumbers = ({ type }) => type === FieldType.number;
const offTime = ({ type }) => type !== FieldType.time;

const STANDARD = [
    property('unit', stringOverrideProcessor, always),
    property('min', numberOverrideProcessor, onNumbers),
    property('max', numberOverrideProcessor, onNumbers),
    property('fieldMinMax', identityOverrideProcessor, onNumbers),
    property('decimals', numberOverrideProcessor, onNumbers),
    property('displayName', displayNameOverrideProcessor, always, { expandTemplateVars: true }),
    property('color', identityOverrideProcessor, always),
    property('noValue', stringOverrideProcessor, always),
    property('links', identityOverrideProcessor, always),
    property('actions', identityOverrideProcessor, always),
    property('mappings', identityOverrideProcessor, offTime),
    property('thresholds', identityOverrideProcessor, always),
    property('filterable', identityOverrideProcessor, always),
];

const STANDARD_DEFAULTS = {
    mappings: [],
    // A panel without thresholds is green from -Infinity, which also colors "no data".
    thresholds: {
        mode: 'absolute',
        steps: [
            { value: -Infinity, color: 'green' },
            { value: 80, color: 'red' },
        ],
    },
};

/** Return `{ options, fieldConfig, registry }` of a panel; an unknown panel type is an error. */
export function withDefaults(panel) {
    const plugin = PLUGINS[panel.type];
    if (plugin === undefined) {
        throw new Error(`type ${panel.type} is not supported`);
    }
    const current = structuredClone(panel.fieldConfig ?? {});
    const fieldConfig = { defaults: current.defaults ?? {}, overrides: current.overrides ?? [] };
    const defaults = { ...STANDARD_DEFAULTS, color: plugin.color, custom: plugin.custom ?? {} };
    const registry = new Registry(() => [...STANDARD, ...customProperties(fieldConfig, plugin.custom)]);
    const complete = getPanelOptionsWithDefaults({
        plugin: {
            defaults: plugin.options,
            fieldConfigDefaults: { defaults, overrides: [] },
            fieldConfigRegistry: registry,
        },
        currentOptions: structuredClone(panel.options ?? {}),
        currentFieldConfig: fieldConfig,
        isAfterPluginChange: false,
    });
    return { ...complete, registry };
}

function property(id, process, shouldApply, settings = {}) {
    return { id, path: id, name: id, process, shouldApply, settings };
}

// Plug-ins declare their custom properties in code that is not published on npm; every property in the JSON counts
// as declared.
function customProperties({ defaults, overrides }, ofPlugin = {}) {
    const inOverrides = overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
    const names = new Set([
        ...Object.keys(ofPlugin),
        ...Object.keys(defaults.custom ?? {}),
        ...inOverrides.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length)),
    ]);
    return [...names].map((name) => ({
        ...property(`custom.${name}`, identityOverrideProcessor, always),
        path: name,
        isCustom: true,
    }));
}
