// A mock of the parts of react-native that the package uses.
export const View = 'View';
export const Platform = { OS: 'ios' };
export const StyleSheet = { create: (styles) => styles };
/** The addresses that were opened outside of the app. */
export const opened = [];
export const Linking = { openURL: async (url) => void opened.push(url) };
