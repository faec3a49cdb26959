package io.pilus.lab;

/** What the probers speak. */
public enum Transport {
    TCP,
    UDP
}
