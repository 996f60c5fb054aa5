"""Twenty everyday sentences that a model of the Tatoeba pairs has never seen: how many does it get right?

    python benchmarks/everyday.py runs/tatoeba-zh-en

Greetings, food, time and asking the way, five of each, in the words of a phrase book: Chinese to English or,
for a run in the other direction, English to Chinese. They are new sentences of words that occur in the pairs,
chosen before any model was tried on them. First the script checks that none is in any split of the run's
data; punctuation, case, contractions and traditional characters make no difference.

An answer is right if it is one of the accepted ones, in which {a|b} means a or b. Case, punctuation,
contractions, digits for number words, 您 for 你 and traditional characters make no difference.
"""

import argparse
import os
import re
import unicodedata

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

from rich.console import Console
from rich.table import Table

import kerasapp
from kerasapp import threads

SAMPLE = "sample:tatoeba-cmn-eng"

WHEN = "{at what time|what time|when} "
LONG_TIME = (
    "{long time no see|{it's|it has} been {a long time|so long|a while|ages}"
    "|{i haven't seen you|we haven't seen each other} {for|in} {a long time|ages|a while}}"
)
NEAR = (
    "{near here|nearby|near by|around here|round here|close by|close to here|near this place|in this area"
    "|in the area|in the vicinity|in {the|this} {neighborhood|neighbourhood}}"
)
GLAD = "{|i am |it is |it was }{|very |so |really }{nice|glad|happy|pleased|delighted|good|great}"
MEET = "to {meet|know|have met|get to know} you"
MOTHER = "{mom|mum|mother|mama|mommy|mummy}"
CHINESE = {
    "早上好，老师。": ["{good |}morning {|my |dear }{teacher|sir|miss}", "{teacher|sir|miss} good morning"],
    "很高兴认识你，玛丽。": [
        f"{GLAD} {MEET} mary",
        f"mary {GLAD} {MEET}",
        "{|it is |it was }{a|my} pleasure to {meet|know} you mary",
        "{|i am }pleased to make your acquaintance mary",
    ],
    "好久不见，你好吗？": [
        LONG_TIME + " {|and }{how are you|how have you been|how are you doing|how's it going|how are things}",
        LONG_TIME + " are you {well|ok|okay|all right|fine}",
    ],
    "妈妈，生日快乐。": ["happy birthday{| to you| my dear} " + MOTHER, MOTHER + " happy birthday{| to you}"],
    "明天早上见。": [
        "{|i will }{see|meet} you {tomorrow morning|in the morning|tomorrow in the morning}",
        "{let's|we will} {meet|see each other} tomorrow morning",
    ],
    "这个菜很好吃。": [
        "{this|the} {dish|food} {is|tastes} {|very |really |so |quite }{delicious|good|tasty|great|nice}"
    ],
    "我想喝一杯牛奶。": [
        "i {want|would like} {|to drink |to have }{a|one} {glass|cup} of milk",
        "i feel like {|drinking |having }a {glass|cup} of milk",
    ],
    "你喜欢吃鱼吗？": [
        "do you {like|love|enjoy} {fish|to eat fish|eating fish}",
        "are you fond of {|eating }fish",
    ],
    "我不吃肉。": [
        "i {don't|never|won't} eat {|any }meat",
        "i am {not eating meat|not a meat eater|not a meat-eater}",
    ],
    "我们今天晚上吃什么？": [
        "what are we {eating|having|going to {eat|have}} {|for dinner |for supper }{tonight|this evening}",
        "what {will|shall|should|do|can} we {eat|have} {|for dinner |for supper }{tonight|this evening}",
        "what's for {dinner|supper} {tonight|this evening}",
    ],
    "银行几点开门？": [
        WHEN + "{does the bank|will the bank|do the banks|do banks} open{| up}",
        "what time {does the bank open at|is the bank open}",
        WHEN + "{is the bank opening|is the bank going to open|are the banks open}",
    ],
    "我每天早上六点起床。": [
        "i {get|wake} up at six {every morning|each morning|am every morning|am every day}",
        "i {get|wake} up at six in the morning {every|each} day",
        "i {get|wake} up {every|each} {morning at six|day at six in the morning|day at six am}",
        "{every|each} {morning i wake up at six|morning i get up at six}",
        "{every|each} day i {get|wake} up at six {am|in the morning}",
    ],
    "明天是星期天。": [
        "tomorrow {is|will be|is going to be} {|a }sunday",
        "it {is|will be|is going to be} {|a }sunday tomorrow",
    ],
    "火车几点来？": [
        WHEN + "{does|will} the train {come|arrive|get here|get in|be here|be coming|be arriving}",
        WHEN + "is the train {coming|arriving|due|going to come|going to arrive|getting here|getting in}",
    ],
    "我们明天几点见？": [
        WHEN + "{shall|should|will|do|can} we {meet|meet up|see each other|get together} tomorrow",
        WHEN + "are we {meeting|meeting up|seeing each other|going to meet|going to see each other} tomorrow",
        "what time tomorrow {shall we meet|should we meet|will we meet|do we meet|are we meeting}",
    ],
    "请问，银行在哪里？": [
        "{|excuse me |pardon me |sorry |please }where is the bank{| located| please}",
        "{|excuse me }{{may|can|could} i ask|{can|could|would} you {|please }tell me|please tell me"
        "|do you know} where the bank is{| located}",
        "{excuse me |}{may i ask|can i ask} where is the bank",
        "{excuse me |}where can i find {a|the} bank",
    ],
    "机场离这里远吗？": [
        "is the airport {far|far away|a long way|very far|far off|a long way off} from here",
        "is it {far|a long way} {from here to the airport|to the airport|to the airport from here}",
        "is the airport {far|far away}",
    ],
    "这里附近有医院吗？": [
        "{is there a hospital|is there any hospital|are there any hospitals|are there hospitals} " + NEAR,
        "is there a hospital {somewhere|anywhere} " + NEAR,
    ],
    "图书馆在哪里？": [
        "where is the library{| located| at}",
        "where can {i|we|you} find the library",
        "where is {a|there a} library",
    ],
    "我想去火车站。": [
        "i {want|would like|wish} to {go|get} to {the|a} {train |railway |railroad |}station",
        "i feel like going to the {train |railway |railroad |}station",
    ],
}

HOUR = "{几点|几点钟|什么时候|什么时间|何时}"
SUNDAY = "{星期天|星期日|周日|礼拜天|礼拜日}"
EVENINGS = "你{|晚上|每晚|每天|每天晚上|通常|都}"
WHERE = "{在|是在}{哪里|哪|什么地方|何处|哪个地方}"
FAR = "{远吗|远么|远不远|很远吗|很远么|太远吗}"
HERE = "{离|距|距离}{这里|这|这边|此地|此处}"
FOOD = "{中国菜|中餐|中国食物|中国的食物|中国的菜|中国料理|中国美食|中国饭|中式料理|中式菜|中式食物|中华料理}"
HOTEL = "{旅馆|酒店|宾馆|饭店|旅店|旅社|客栈}"
AROUND = "{附近|这附近|这里附近|这里的附近|这边附近|周围|这周围|这里周围|这里旁边}"
ENGLISH = {
    "Good morning, Tom.": ["汤姆{早上好|早安|早|上午好}{|啊|呀}", "{早上好|早安|早|你早|上午好}{|啊|呀}汤姆"],
    "Nice to meet you, Mary.": [
        "{|我}{|很|非常|真|真是}高兴{|能}{见到|认识|遇见|遇到}你玛丽",
        "玛丽{|我}{|很|非常|真|真是}高兴{|能}{见到|认识|遇见|遇到}你",
        "{|能}{见到|认识|遇见|遇到}你{|我}{很|非常|真|真是}高兴玛丽",
        "玛丽{|能}{见到|认识|遇见|遇到}你{|我}{很|非常|真|真是}高兴",
        "{幸会玛丽|玛丽幸会}",
    ],
    "How is your mother?": [
        "你{|的}{妈妈|母亲|妈}{|最近|现在|身体|最近身体|身体最近}{好吗|好么|还好吗|好不好|怎么样|怎样|如何}",
        "你{|的}{妈妈|母亲|妈}{|最近|现在}{过得|过的}{好吗|怎么样|怎样|如何}",
        "令堂{|最近|身体}{好吗|可好|还好吗}",
    ],
    "See you tomorrow morning.": ["{|我们}{明早|明天{早上|早晨|上午|清晨}}{|再}{见|见面}{|吧|啦|了}"],
    "My name is Mary.": ["我{叫|叫做|是|名叫}玛丽", "我{|的}名字{是|叫|叫做}玛丽"],
    "I want a cup of hot tea.": ["我{想喝|要|想要|要喝|想要喝|想来|要来}{|一}杯热{|的}茶"],
    "I don't eat meat.": ["我{不|从不|从来不|不会}吃{肉|肉类|荤|肉食}{|的}", "我是不吃{肉|荤}的"],
    "Do you like Chinese food?": [
        "你{喜欢|爱|喜爱}{|吃}" + FOOD + "{吗|么}",
        "你{喜不喜欢|爱不爱|喜欢不喜欢|是否喜欢}{|吃}" + FOOD,
    ],
    "This cake is delicious.": [
        "这{|个|块|款|种|份}蛋糕{|很|真|非常|太|特别|挺|真是|十分}{好吃|美味|可口}{|了|的|极了}",
        "这{|个|块|款|种|份}蛋糕{|的}味道{很|真|非常|太|十分}{好|棒|不错}{|了}",
    ],
    "I want to buy some fruit.": ["我{想|要|想要|想去|要去}买{|一些|些|点|一点|点儿|一点儿}水果"],
    "What time does the bank open?": ["银行" + HOUR + "{|会|才}{开门|开|开始营业|营业|开业|开放}{|呢|的}"],
    "Tomorrow is Sunday.": ["明天{|是|就是}" + SUNDAY + "{|了}"],
    "I get up at six every day.": [
        "{我每天|每天我|我每日|我天天}{|早上|早晨|都|都是|都在|在|早上都}{六点|六点钟|六时}{|就}{起床|起|起来}"
    ],
    "What time do you go to bed?": [
        EVENINGS + HOUR + "{|去|上床|会|上床去}{睡觉|睡|就寝|休息|入睡}{|呢|的}",
        EVENINGS + HOUR + "上床",
    ],
    "What time does the train arrive?": [
        "{|这趟|这班|那趟|那班}{火车|列车}{|会|将|是|在}"
        + HOUR
        + "{|会|才}{到|到达|抵达|到站|来|进站}{|呢|的}"
    ],
    "Where is the nearest hospital?": [
        "{|离这里|离这|距离这里|距这里}最近的医院" + WHERE,
        "哪里是{|离这里|离这}最近的医院",
    ],
    "Is the airport far from here?": [
        "{|飞}机场" + HERE + FAR,
        "{|从}{这里|这}{到|去|离|距|距离}{|飞}机场" + FAR,
    ],
    "Is there a hotel near here?": [
        AROUND + "有{|一|一家|一间|一个|家|间|个|什么|任何}" + HOTEL + "{吗|么}",
        AROUND + "{有没有|有无|是否有}{|一家|一间|一个|家|间|个|什么|任何}" + HOTEL,
    ],
    "I want to go to the train station.": ["我{想|要|想要}{去|到|前往}{火车站|车站}{|去}"],
    "Excuse me, where is the library?": [
        "{请问|请问一下|对不起|不好意思|打扰一下|打扰了|劳驾|抱歉}{|请问}图书馆" + WHERE
    ],
}

# Traditional and other forms of these characters.
FORMS = str.maketrans(
    "來個們兒別勞問喫嗎國圍圖場塊媽寢將對師幾從愛擾時書會棧業極樂樣機歡沒湯無熱營牀現瑪禮種纔"
    "興華葷處裏裡見親覺認請識買賓車這進過達遠還邊醫銀鐘門開間離類飛飯館駕體魚麗麼點您妳週錯鍾",
    "来个们儿别劳问吃吗国围图场块妈寝将对师几从爱扰时书会栈业极乐样机欢没汤无热营床现玛礼种才"
    "兴华荤处里里见亲觉认请识买宾车这进过达远还边医银钟门开间离类飞饭馆驾体鱼丽么点你你周错钟",
)
# More equal forms, after lower-casing: contractions, hours and, in Chinese, words and names.
REWRITTEN = {
    r"won't": "will not",
    r"can't|cannot": "can not",
    r"n't": " not",
    r"let's": "let us",
    r"'re\b": " are",
    r"'ll\b": " will",
    r"'ve\b": " have",
    r"'m\b": " am",
    r"'d\b": " would",
    r"'s\b": " is",
    r"\ba\.m\.": "am",
    r":00\b| o'clock\b": "",
}
REWRITTEN_CHINESE = {r"甚么": "什么", r"(?<=[哪这那])儿": "里", r"玛莉|mary": "玛丽", r"tom": "汤姆"}
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NUMBERS += ["eleven", "twelve"]
NUMBERS_CHINESE = [*"零一二三四五六七八九十", "十一", "十二"]
CHARACTER = "[\u4e00-\u9fff]"


def normalised(text: str) -> str:
    """A sentence without the differences that do not count."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'").translate(FORMS)
    chinese = re.search(CHARACTER, text)
    for pattern, words in (REWRITTEN_CHINESE if chinese else REWRITTEN).items():
        text = re.sub(pattern, words, text)
    numbers = NUMBERS_CHINESE if chinese else NUMBERS
    text = re.sub(r"\d+", lambda n: numbers[int(n[0])] if int(n[0]) < len(numbers) else n[0], text)
    text = " ".join(re.sub(r"\W+", " ", text).split())
    return re.sub(f"(?<={CHARACTER}) | (?={CHARACTER})", "", text)


def expanded(template: str) -> list[str]:
    """All the texts of a template with {a|b}, inner braces first."""
    braces = re.search(r"{([^{}]*)}", template)
    if not braces:
        return [template]
    before, after = template[: braces.start()], template[braces.end() :]
    return [text for choice in braces[1].split("|") for text in expanded(before + choice + after)]


def accepted(templates: list[str]) -> set[str]:
    """All the texts of some templates, normalised."""
    return {normalised(text) for template in templates for text in expanded(template)}


def check_unseen(corpus, sentences) -> None:
    """Asserts that none of the sentences is in the data."""
    seen = {normalised(text) for split in corpus.sizes for text in corpus.texts(split)[0]}
    for sentence in sentences:
        assert normalised(sentence) not in seen, f"{sentence} is in the data"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="a run folder or an export of one of the Tatoeba presets")
    options = parser.parse_args()
    threads.run_side_by_side()
    translator = kerasapp.load(options.run)
    data = translator.task.config.data
    if data.pairs != SAMPLE:
        raise SystemExit(f"{options.run}: was trained on {data.pairs or data.source}, not on {SAMPLE}")
    sentences = CHINESE if data.swap else ENGLISH
    check_unseen(translator.task.corpus, sentences)
    answers = [answer.text for answer in translator.translate(list(sentences))]
    right = [
        normalised(answer) in accepted(templates)
        for answer, templates in zip(answers, sentences.values(), strict=True)
    ]
    table = Table("sentence", "answer", "right", title=f"{sum(right)} of {len(right)} right")
    for row in zip(sentences, answers, ("yes" if yes else "no" for yes in right), strict=True):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
