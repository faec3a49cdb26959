package io.pilus.system;

import io.pilus.lab.Routing;

class NativeTruthTableIT extends TruthTable {

    NativeTruthTableIT() {
        super("pstn", 241, Routing.NATIVE);
    }
}
