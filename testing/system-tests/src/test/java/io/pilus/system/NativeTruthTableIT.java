package io.pilus.system;

import io.pilus.lab.Routing;

class NativeTruthTable extends TruthTable {

    NativeTruthTable() {
        super("pstn", 241, Routing.NATIVE);
    }
}
