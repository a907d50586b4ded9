@file:Suppress("UNUSED_PARAMETER", "unused")

package android.content

import android.net.Uri

abstract class Context {
    abstract fun startActivity(intent: Intent)
}

class ActivityNotFoundException : RuntimeException()

open class Intent(action: String, uri: Uri) {
    fun addFlags(flags: Int): Intent = this

    companion object {
        const val ACTION_VIEW = "android.intent.action.VIEW"
        const val FLAG_ACTIVITY_NEW_TASK = 0x10000000
    }
}
