// Stands in for react-native-webview: keeps the props and the scripts, and can be bound to a page in a browser.
import { Component } from 'react';

/** The web views that are mounted. */
export const views = [];

export class WebView extends Component {
  scripts = [];
  reloads = 0;
  run = () => {};

  componentDidMount() {
    views.push(this);
  }

  componentWillUnmount() {
    views.splice(views.indexOf(this), 1);
  }

  injectJavaScript(script) {
    this.scripts.push(script);
    this.run(script);
  }

  reload() {
    this.reloads++;
  }

  /** What the page says by `ReactNativeWebView.postMessage`. */
  say(message) {
    this.props.onMessage({
      nativeEvent: { data: typeof message === 'string' ? message : JSON.stringify(message) },
    });
  }

  render() {
    return null;
  }
}
