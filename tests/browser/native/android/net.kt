@file:Suppress("UNUSED_PARAMETER", "unused")

package android.net

abstract class Uri {
    companion object {
        @JvmStatic
        fun parse(text: String): Uri = TODO()
    }
}
