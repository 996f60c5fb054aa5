import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

/** Java's own client as it is by default: it offers HTTP/2 in its first request. argv: HOST:PORT of REST. */
public class Half {
  public static void main(String[] args) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    URI uri = URI.create("http://" + args[0] + "/v1/models/half");
    List<String> answers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.ofString("{\"instances\": [2, 4, 6]}");
      HttpRequest request = HttpRequest.newBuilder(URI.create(uri + ":predict")).POST(body).build();
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      answers.add("{\"status\": " + answer.statusCode() + ", \"body\": " + answer.body() + "}");
    }
    HttpRequest request = HttpRequest.newBuilder(uri).build();
    String status = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
    System.out.println("{\"answers\": [" + String.join(", ", answers) + "], \"status\": " + status + "}");
  }
}
