// The Onethread chat as an Android view: the server's page in a WebView, and the messages between both.
package dev.onethread.chat

import android.annotation.SuppressLint
import android.content.ActivityNotFoundException
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.webkit.JavascriptInterface
import android.webkit.RenderProcessGoneDetail
import android.webkit.WebResourceRequest
import android.webkit.WebView
import android.webkit.WebViewClient
import android.widget.FrameLayout
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** Which chat is opened, and for whom. `user` is the snippet's object: `user_id`, `name`, `email` and so on. */
class OnethreadOptions(
    val server: String,
    val organization: String,
    val appId: String,
    var user: Map<String, Any?> = emptyMap(),
    val locale: String? = null,
    val theme: String? = null,
)

/** What the chat tells the app. All of it on the main thread. */
interface OnethreadListener {
    fun onReady(mode: String, name: String) {}
    fun onUnread(count: Int) {}
    fun onMessage(text: String, author: String, name: String?) {}
    fun onIdentityRefused() {}
    fun onSessionEnded() {}
    fun onClose() {}

    /** Answer with a fresh JWT from your server, or null where there is none. */
    fun onProofNeeded(userId: String, reason: String, answer: (String?) -> Unit) = answer(null)
}

@SuppressLint("ViewConstructor", "SetJavaScriptEnabled")
class OnethreadChatView(
    context: Context,
    private val options: OnethreadOptions,
    private val listener: OnethreadListener,
) : FrameLayout(context) {
    private val base = options.server.trimEnd('/')
    private val early = mutableListOf<JSONObject>()
    private var live = false
    private var shown = true
    private var web = build()

    /** Tells the chat whether the app shows it: what isn't shown isn't read. */
    fun setShown(shown: Boolean) {
        this.shown = shown
        if (live) send(JSONObject().put("type", "shown").put("shown", shown))
    }

    fun logIn(user: Map<String, Any?>) {
        options.user = user
        if (live) call("userAuth", JSONObject(user))
    }

    fun logOut() {
        options.user = emptyMap()
        if (live) call("logout")
    }

    /** Calls a method of the widget, such as `trackEvent`. */
    fun call(method: String, vararg arguments: Any?) {
        send(JSONObject().put("type", "call").put("method", method).put("args", JSONArray(arguments.toList())))
    }

    /** Ends the chat. The view is of no use afterwards. */
    fun destroy() {
        removeAllViews()
        web.destroy()
    }

    private fun build(): WebView {
        live = false
        val web = WebView(context)
        web.settings.javaScriptEnabled = true
        web.settings.domStorageEnabled = true
        // Lets a new message play its sound.
        web.settings.mediaPlaybackRequiresUserGesture = false
        web.addJavascriptInterface(Receiver(), "OnethreadAndroid")
        web.webViewClient = Client()
        addView(web, LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.MATCH_PARENT))
        web.loadUrl("$base/widget/app?platform=android")
        return web
    }

    private fun start() {
        live = true
        val start = JSONObject().put("type", "start").put("organization", options.organization).put("appId", options.appId)
        start.put("user", JSONObject(options.user)).put("locale", options.locale).put("theme", options.theme)
        send(start)
        if (!shown) setShown(false)
        val waiting = early.toList()
        early.clear()
        waiting.forEach(::send)
    }

    private fun send(message: JSONObject) {
        if (!live) {
            early.add(message)
            return
        }
        // A JSON text inside of a string literal can't be run as code.
        web.evaluateJavascript("window.OnethreadApp && OnethreadApp.receive(${JSONObject.quote(message.toString())})", null)
    }

    private fun receive(text: String) {
        val message = try {
            JSONObject(text)
        } catch (_: JSONException) {
            return
        }
        val value = { name: String -> message.optString(name) }
        when (value("type")) {
            "loaded" -> start()
            "ready" -> listener.onReady(value("mode"), value("name"))
            "unread" -> listener.onUnread(message.optInt("count"))
            "message" -> listener.onMessage(value("text"), value("author"), if (message.isNull("name")) null else value("name"))
            "identityRefused" -> listener.onIdentityRefused()
            "sessionEnded" -> listener.onSessionEnded()
            "close" -> listener.onClose()
            "openUrl" -> open(Uri.parse(value("url")))
            "proof" -> listener.onProofNeeded(value("userId"), value("reason")) { jwt ->
                if (jwt != null) post { send(JSONObject().put("type", "proof").put("user_jwt", jwt)) }
            }
        }
    }

    private fun open(url: Uri) {
        try {
            context.startActivity(Intent(Intent.ACTION_VIEW, url).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
        } catch (_: ActivityNotFoundException) {
            // No app on this phone opens such links.
        }
    }

    internal inner class Receiver {
        /** Called by the page, on a thread of the web view's own. */
        @JavascriptInterface
        fun postMessage(text: String) {
            post { receive(text) }
        }
    }

    private inner class Client : WebViewClient() {
        override fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest): Boolean {
            val url = request.url
            if (!request.isForMainFrame || url.toString().startsWith("$base/widget/")) return false
            open(url)
            return true
        }

        /** The system ended the page's process while the app was away. */
        override fun onRenderProcessGone(view: WebView, detail: RenderProcessGoneDetail): Boolean {
            removeView(view)
            view.destroy()
            web = build()
            return true
        }
    }
}
