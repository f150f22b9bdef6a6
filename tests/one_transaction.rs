//! The example of an order and its customer in one transaction, as it is told.

#[path = "../examples/one_transaction.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod one_transaction;

#[tokio::test]
async fn an_order_and_its_customer_are_there_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let said = one_transaction::story(&folder.path().join("shop.db")).await.unwrap();
    let expected = [
        "ada@example.com is a customer and has ordered",
        "  customers: 1, orders: 1",
        "bob@example.com is no new customer: the card was declined",
        "  customers: 1, orders: 1",
        "Ada@Example.com is no new customer: the address belongs to another account",
        "  customers: 1, orders: 1",
    ];
    assert_eq!(said, expected);
}
