// What the Kotlin wrapper uses of Android, as declarations with the signatures of the real ones.
@file:Suppress("UNUSED_PARAMETER", "unused")

package android.annotation

annotation class SuppressLint(vararg val value: String)
