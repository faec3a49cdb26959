package io.pilus.rest;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class ProblemsTest {

    private static final String PROBLEM = "application/problem+json";

    @Test
    void whatIsValidComesThrough() {
        post("""
                {"namespace": "shop", "colour": "RED", "labels": {"example.com/app": "web", "x": ""}, "parts": [{"name": "http", "port": 80}]}""").statusCode(200).body("namespace", is("shop"), "labels.x", is(""), "parts[0].port", is(80));
    }

    @Test
    void everyViolationIsNamedByAPointerIntoTheBody() {
        post("""
                {"labels": {"bad key": "web", "app": "-web"}, "parts": [{"name": "http", "port": 80}, {"name": "", "port": 70000}]}""")
                .statusCode(400)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:invalid"),
                        "instance", is("/sample"),
                        "errors.pointer",
                                containsInAnyOrder("/labels/bad key", "/labels/app", "/parts/1/name", "/parts/1/port"),
                        "detail", containsString("'-web' is not allowed"));
    }

    @Test
    void aParameterIsNamedAsSuch() {
        given().when()
                .get("/sample/limited?most=10")
                .then()
                .statusCode(400)
                .contentType(PROBLEM)
                .body("errors.parameter", contains("most"));
    }

    @Test
    void aMissingBodyIsRefused() {
        given().contentType(ContentType.JSON)
                .when()
                .post("/sample")
                .then()
                .statusCode(400)
                .contentType(PROBLEM);
    }

    @Test
    void malformedJsonIsShownWhereItBreaks() {
        post("{\n  \"namespace\": shop\n}")
                .statusCode(400)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:malformed-json"),
                        "errors[0].line", is(2),
                        "detail", containsString("line 2, column "));
    }

    @Test
    void anUnknownFieldIsRefusedWithTheKnownOnes() {
        post("{\"parts\": [{\"name\": \"http\", \"port\": 80, \"prot\": 80}]}")
                .statusCode(400)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:unknown-field"),
                        "errors[0].pointer", is("/parts/0/prot"),
                        "detail", endsWith("no field is called 'prot'; there are name, port"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
                    {"parts": [{"name": "http", "port": "80"}]}  | /parts/0/port | a whole number in range is wanted
                    {"parts": [{"name": "http", "port": 80.5}]}  | /parts/0/port | a whole number in range is wanted
                    {"parts": [{"name": "http"}]}                | /parts/0/port | a whole number in range is wanted
                    {"parts": [{"name": 7, "port": 80}]}         | /parts/0/name | a string is wanted
                    {"parts": {"name": "http"}}                  | /parts        | a list is wanted
                    {"labels": {"version": 1}}                   | /labels/version | a string is wanted
                    {"colour": "BLUE"}                           | /colour       | 'BLUE' is none of RED, GREEN
                    {"namespace": "Shop"}                        | /namespace    | 'Shop' cannot be the name of a namespace
                    {"namespace": ["shop"]}                      | /namespace    | a string is wanted
                    """)
    void aValueOfTheWrongTypeIsRefusedWhereItStands(String body, String pointer, String detail) {
        post(body)
                .statusCode(400)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:invalid"),
                        "errors[0].pointer", is(pointer),
                        "errors[0].detail", containsString(detail),
                        "detail", not(containsString("io.pilus")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{} x", "{\"namespace\": \"a\", \"namespace\": \"b\"}", "[", "\"text\""})
    void whatIsNotOneObjectIsRefused(String body) {
        post(body).statusCode(400).contentType(PROBLEM);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"Shop", "a_b", "-a", "a.b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    void aNameThatCannotExistIsABadRequest(String name) {
        given().when()
                .get("/sample/names/" + name)
                .then()
                .statusCode(400)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:invalid-name"), "name", is(name));
    }

    @ParameterizedTest
    @CsvSource({"limit=7, 7, null", "limit=2&from=shop, 2, /pilus/v1/intent/namespaces/shop+", "from=, 100, null"})
    void pagesHaveBoundsAndABeginning(String query, String limit, String key) {
        given().when().get("/sample/pages?" + query).then().statusCode(200).body("limit", is(limit), "key", is(key));
    }

    @ParameterizedTest
    @ValueSource(strings = {"limit=0", "limit=1001", "limit=many", "limit=-1", "from=%00"})
    void aPageOutOfBoundsIsABadRequest(String query) {
        given().urlEncodingEnabled(false)
                .when()
                .get("/sample/pages?" + query)
                .then()
                .statusCode(400)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:invalid-page"));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '\'',
            value = {
                "'\"42\"',200",
                "'*',200",
                "'\"1\", \"42\"',200",
                "'\"41\"',412",
                "'W/\"42\"',412",
                "'42',400",
                "'\"42',400"
            })
    void ifMatchComparesTheModRevision(String ifMatch, int status) {
        given().header("If-Match", ifMatch).when().put("/sample/tagged").then().statusCode(status);
    }

    @Test
    void aSilentStoreLeavesTheOutcomeOpen() {
        given().when()
                .put("/sample/silent")
                .then()
                .statusCode(503)
                .header("Retry-After", "1")
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:etcd-silent"), "detail", containsString("is unknown"));
    }

    @Test
    void aReadFromAStoreWithoutALeaderCanBeRepeated() {
        given().when()
                .get("/sample/unavailable")
                .then()
                .statusCode(503)
                .header("Retry-After", "1")
                .body("type", is("urn:pilus:problem:etcd-unavailable"), "detail", containsString("repeat the request"));
    }

    @Test
    void whatEtcdWillNeverTakeIsNotToBeRepeated() {
        given().when()
                .put("/sample/rejected")
                .then()
                .statusCode(500)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:etcd-rejected"), "detail", containsString("permission denied"));
    }

    @Test
    void anUnexpectedFailureSaysNothingOfTheInside() {
        given().when()
                .get("/sample/broken")
                .then()
                .statusCode(500)
                .contentType(PROBLEM)
                .body("detail", is("see the log of this service"), "$", not(containsString("secret")));
    }

    @Test
    void aPathWithNothingBehindItIsAProblemToo() {
        given().when()
                .get("/sample/nowhere")
                .then()
                .statusCode(404)
                .contentType(PROBLEM)
                .body("detail", containsString("/sample/nowhere"));
        given().when().get("/elsewhere").then().statusCode(404).contentType(PROBLEM);
    }

    @Test
    void theWrongMethodOrMediaTypeKeepsItsStatus() {
        given().when().delete("/sample").then().statusCode(405).contentType(PROBLEM);
        given().contentType("text/plain")
                .body("x")
                .when()
                .post("/sample")
                .then()
                .statusCode(415)
                .contentType(PROBLEM);
    }

    @Test
    void aBodyAboveTheLimitIsRefused() {
        post("{\"namespace\": \"" + "a".repeat(2 << 20) + "\"}").statusCode(413);
    }

    private static ValidatableResponse post(String body) {
        return given().contentType(ContentType.JSON)
                .body(body)
                .when()
                .post("/sample")
                .then();
    }
}
